"""What outlives a link: streams with their windows, the scheduler, frames kept until acknowledged, admission.

Pure state machines. Bytes, events and the time come in; bytes, events and deadlines are pulled out.
"""
