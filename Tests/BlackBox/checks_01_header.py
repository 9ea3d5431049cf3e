"""Message headers and framing."""
from dut import Neighbor
from framework import *
from wire import *

group("Message header")


def bad(title, octets, code, subcode, data=b"", state="OpenSent"):
    """A check: octets in a state are answered with a NOTIFICATION."""
    @check(title, Neighbor())
    def _(t):
        session = t.up() if state == "Established" else t.connect()
        session.expect_open()
        session.send(octets)
        session.expect_notification(code, subcode, data)


bad("RFC 4271 §6.1: a marker that is not all ones is answered with 1/1", message(KEEPALIVE, marker=bytes(16)), 1, 1)
bad("RFC 4271 §6.1: a marker with one bit cleared is answered with 1/1 in Established",
    message(KEEPALIVE, marker=b"\xff" * 15 + b"\xfe"), 1, 1, state="Established")
bad("RFC 4271 §6.1: text of another protocol is answered with 1/1", b"GET / HTTP/1.1\r\nHost: martlet\r\n\r\n", 1, 1)
for _length in (0, 18):
    bad(f"RFC 4271 §6.1: length {_length} is answered with 1/2 and the length", message(KEEPALIVE, length=_length), 1, 2,
        _length.to_bytes(2, "big"))
bad("RFC 4271 §6.1: an UPDATE of 4097 octets is answered with 1/2 and the length without waiting for its body",
    message(UPDATE, length=4097), 1, 2, b"\x10\x01", state="Established")
bad("RFC 4271 §6.1: length 65535 is answered with 1/2 and the length without waiting for the body",
    message(UPDATE, length=65535), 1, 2, b"\xff\xff", state="Established")
bad("RFC 4271 §6.1: an OPEN of 28 octets is answered with 1/2 and the length", message(OPEN, bytes(9)), 1, 2, b"\0\x1c")
bad("RFC 4271 §6.1: a KEEPALIVE of 20 octets is answered with 1/2 and the length in Established",
    message(KEEPALIVE, b"\0"), 1, 2, b"\0\x14", state="Established")
bad("RFC 4271 §6.1: an UPDATE of 22 octets is answered with 1/2 and the length", message(UPDATE, bytes(3)), 1, 2,
    b"\0\x16", state="Established")
for _type in (0, 7, 255):
    bad(f"RFC 4271 §6.1: message type {_type} is answered with 1/3 and the type", message(_type), 1, 3, bytes([_type]))
bad("RFC 4271 §6.1: message type 6 is answered with 1/3 in Established", message(6, bytes(4)), 1, 3, b"\6",
    state="Established")


@check("RFC 4271 §6.1: a NOTIFICATION of 20 octets ends the session", Neighbor())
def _(t):
    session = t.up()
    session.send(message(NOTIFICATION, b"\6"))
    session.expect_closed()


@check("RFC 4271 §4.1: messages that arrive one octet at a time are put together", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.connect(), t.up(1)
    opening = message(OPEN, t.peers[0].open_body())
    for octet in opening:
        sender.send(bytes([octet]))
    sender.sent_open = Open(opening[19:])
    sender.expect_open()
    sender._agree()
    # An answer to a KEEPALIVE must not come in between.
    sender.answers_keepalives = False
    for octet in KEEPALIVE_MESSAGE + update(prefix("203.0.113.0/24"), sender.attributes()):
        sender.send(bytes([octet]))
    sender.answers_keepalives = True
    observer.expect_route("203.0.113.0/24")


@check("RFC 4271 §4.1: many messages in one segment are all taken", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.connect(), t.up(1)
    opening = message(OPEN, t.peers[0].open_body())
    sender.sent_open = Open(opening[19:])
    sender.expect_open()
    sender._agree()
    routes = b"".join(update(prefix(f"203.0.{i}.0/24"), sender.attributes(med=i)) for i in range(40))
    sender.send(opening + KEEPALIVE_MESSAGE + routes + KEEPALIVE_MESSAGE)
    for i in range(40):
        observer.expect_route(f"203.0.{i}.0/24")
    sender.expect_alive()


@check("RFC 4271 §4.1: an UPDATE of exactly 4096 octets is taken", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    attributes = sender.attributes()
    room = 4096 - 23 - len(attributes)
    nlri, count = b"", 0
    while room - len(nlri) >= 8 or room == len(nlri) + 4:
        nlri += prefix(f"10.{200 + count // 250}.{count % 250}.0/24")
        count += 1
    while len(nlri) < room:
        size = min(room - len(nlri), 5)
        size = size if room - len(nlri) - size != 1 else size - 1
        nlri += prefix(f"100.64.{len(nlri) % 200}.0/{(size - 1) * 8}") if size > 1 else b"\0"
    octets = update(nlri, attributes)
    expect(len(octets) == 4096, "the check to build 4096 octets", len(octets))
    sender.send(octets)
    observer.expect_route("10.200.0.0/24")
    observer.expect_route(f"10.{200 + (count - 1) // 250}.{(count - 1) % 250}.0/24")
    sender.expect_alive()


@check("RFC 4271 §6.1: the connection is closed after the NOTIFICATION, and routes are withdrawn", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce("203.0.113.0/24")
    observer.expect_route("203.0.113.0/24")
    sender.send(message(9))
    sender.expect_notification(1, 3, b"\x09")
    observer.expect_no_route("203.0.113.0/24")


@check("RFC 4271 §6.1: an error on one session leaves another alone", Neighbor(), Neighbor())
def _(t):
    bad_one, good_one = t.all_up()
    bad_one.send(bytes(19))
    bad_one.expect_notification(1, 1)
    good_one.expect_alive(0.5)


def first_error(title, octets, code, subcode, data):
    @check(title, Neighbor())
    def _(t):
        session = t.up()
        session.send(octets)
        session.expect_notification(code, subcode, data)


first_error("RFC 4271 §6.1: a wrong marker counts before a wrong length and type", b"\xfe" * 16 + b"\0\1\x07", 1, 1, b"")
first_error("RFC 4271 §6.1: a wrong length counts before a wrong type", MARKER + b"\0\1\x07", 1, 2, b"\0\1")
first_error("RFC 4271 §6.1: the first of two errors in one segment is told", message(9) + MARKER + b"\0\0\1", 1, 3, b"\x09")
