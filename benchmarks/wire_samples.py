"""A purchase of twenty fields, as terminals send it: what the wire benchmarks read and write."""

from authz.iso8583.message import Message

PROFILES = ("ascii", "ascii-binary", "bcd")
PURCHASE = Message(
    "0200",
    {
        2: "9999670000000012",
        3: "000000",
        4: "000000001250",
        7: "1122013000",
        11: "000123",
        12: "023000",
        13: "1122",
        14: "2912",
        18: "5812",
        22: "071",
        25: "00",
        32: "12345678901",
        35: "9999670000000012=29122010000000000",
        37: "112201000123",
        41: "TERM0001",
        42: "MERCHANT0000001",
        43: "BISTROT DU PORT                       FR",
        48: "6103100EA12000000000850",
        49: "978",
        55: "9F2608AABBCCDDEEFF00119F2701809F10120110A000002200000000000000000000FF9F3704437ED4D4",
    },
)
