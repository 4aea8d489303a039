"""wormhole beside its peers: the same work through each pair of proxies, in turn, on one machine.

python -m benchmarks [--quick] [--only WORKLOAD,...] [--peers PEER,...] [--out DIR]

metrics.py, bars.py      what is measured and what is asked of it, as tables
peers/                   one module a program: its configuration and its two commands
loads/                   the programs that make traffic, each run as a process of its own
workloads/               one module a workload: backend, load, figures
pair.py, processes.py    starting, watching and ending the pair under test
path.py                  a path of given rate and round trip, for the loopback lacks both
suite.py                 interleaved rounds
report/                  table, JSON, plots
"""
