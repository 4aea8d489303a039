"""Every constant of the protocol, each with its reason. Sizes are in bytes, times in seconds.

`docs/protocol.md` states the same numbers; a test compares the two.
"""

from __future__ import annotations

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB
GIB: Final = 1024 * MIB

# --- Handshake ---------------------------------------------------------------------------------------------------------
PROLOGUE: Final = b"wormhole/1\0"
MESSAGE1_SIZE: Final = 1328  # hint 16, e 32, sealed e1 1200, sealed payload 80
MESSAGE2_SIZE: Final = 1216  # e 32, sealed ekem1 1104, sealed payload 80
HANDSHAKE_TIMEOUT: Final = 10.0  # accept to the first verified record: a slow path, not a slow attacker
PROBE_DISCARD_LIMIT: Final = 64 * KIB  # read and thrown away before a failed probe is reset
MAX_KEYS: Final = 1000  # every key costs one keyed hash for each handshake tried
MAX_SKEW: Final = 300.0  # clocks further apart are told so; bounds the replay cache
REPLAY_CACHE_TAGS: Final = 65_536  # entries kept when the clock check is off

PROBE_LINKS: Final = 256  # links that have shown no valid tag
PROBE_LINKS_PER_SOURCE: Final = 16  # of those, from one IPv4 address or IPv6 /64
TAGGED_LINKS: Final = 1024  # links that have, and are not yet confirmed
HANDSHAKE_RATE: Final = 100.0  # a second, all keys together: about a tenth of one core
HANDSHAKE_BURST: Final = 400  # two keys' bursts
HANDSHAKE_RESERVE: Final = 100  # of that, what only links that resume a session may use up
HANDSHAKE_RATE_PER_KEY: Final = 50.0
HANDSHAKE_BURST_PER_KEY: Final = 200

# --- Records -----------------------------------------------------------------------------------------------------------
TAG_SIZE: Final = 16
LENGTH_SIZE: Final = 3
SEALED_LENGTH_SIZE: Final = LENGTH_SIZE + TAG_SIZE
RECORD_OVERHEAD: Final = SEALED_LENGTH_SIZE + TAG_SIZE  # 35
MAX_RECORD_WIRE: Final = 256 * KIB  # larger ones save no time (docs/performance.md) and delay a keystroke
MAX_RECORD_PAYLOAD: Final = MAX_RECORD_WIRE - RECORD_OVERHEAD
REKEY_RECORDS: Final = 1 << 10  # far below any bound of AES-GCM; small, so that every long test crosses it
INTERACTIVE_IN_FLIGHT: Final = 256 * KIB  # bulk data under way, at the least, beside somebody who waits for an answer
LINK_MAX_AGE: Final = 3600.0  # a fresh handshake follows, for forward secrecy within a session
LINK_AGE_JITTER: Final = 0.1
LINK_MAX_BYTES: Final = 64 * GIB
MIN_PACED_RECORD: Final = 16 * KIB  # what a slow path's records shrink to
PACED_RECORD_TIME: Final = 0.010  # a record takes this long at the measured rate, at the most

# --- Framing -----------------------------------------------------------------------------------------------------------
MIN_QUANTUM: Final = 64
DEFAULT_QUANTUM: Final = 1024
MAX_QUANTUM: Final = 16 * KIB
DEFAULT_FLUSH_DELAY: Final = 0.005
MIN_CONSTANT_QUANTUM: Final = 512  # the longest OPEN and a link's own frames fit into one record
MIN_CONSTANT_INTERVAL: Final = 0.005

# --- Session -----------------------------------------------------------------------------------------------------------
INITIAL_WINDOW: Final = 64 * KIB  # each stream's credit at first: what one idle stream may make us hold
MAX_WINDOW: Final = 16 * MIB  # 1 Gb/s over 128 ms
WINDOW_POOL: Final = 64 * MIB  # credit beyond the initial windows, for a whole session
MAX_STREAMS: Final = 65_536
MAX_STREAM_ID: Final = (1 << 31) - 1  # a new session begins before this is reached
RESUME_BUFFER: Final = 16 * MIB  # plaintext kept until acknowledged, each direction
CONTROL_BUFFER: Final = 1 * MIB  # control frames that wait; beyond, the session ends
RESUME_TIMEOUT: Final = 120.0
ACK_BYTES: Final = 128 * KIB
ACK_DELAY: Final = 0.100  # the next keystroke takes the acknowledgement of the last echo along
PING_AFTER: Final = 15.0  # of silence; a middlebox forgets no sooner than 30 s
DEAD_AFTER: Final = 45.0  # three pings unanswered
SPARE_AFTER: Final = 3.0  # or SPARE_ROUND_TRIPS, whichever is longer: data unacknowledged and not a byte heard
SPARE_ROUND_TRIPS: Final = 4
REDIAL_FIRST: Final = 0.25
REDIAL_MAX: Final = 10.0
REDIAL_JITTER: Final = 0.2
REDIAL_RESET_AFTER: Final = 5.0  # a link that lived this long was a good one
REDIAL_RESET_BYTES: Final = 1 * MIB  # so was one that carried this much
CLOSE_TIMEOUT: Final = 1.0  # how long CLOSE waits for its acknowledgement
MAX_SESSIONS: Final = 1024
MAX_SERVICE_NAME: Final = 255

# --- Local sockets -----------------------------------------------------------------------------------------------------
EARLY_DATA: Final = INITIAL_WINDOW  # read from a client before its stream is open
CLIENT_CONNECT_TIMEOUT: Final = 30.0
SERVER_CONNECT_TIMEOUT: Final = 10.0
