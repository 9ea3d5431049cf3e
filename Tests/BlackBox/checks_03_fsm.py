"""The state machine, its timers, and collisions."""
import socket
import time

from dut import Config, Neighbor
from framework import *
from peer import *
from wire import *

group("State machine")

PREFIX = "203.0.113.0/24"


def in_open_sent(title, octets, code, subcode):
    @check(title, Neighbor())
    def _(t):
        session = t.connect()
        session.expect_open()
        session.send(octets(session))
        session.expect_notification(code, subcode)


def in_open_confirm(title, octets, code, subcode):
    @check(title, Neighbor())
    def _(t):
        session = t.connect()
        session.answers_keepalives = False
        session.expect_open()
        session.send_open()
        session.expect_keepalive()
        session.send(octets(session))
        session.expect_notification(code, subcode)


def route(session):
    return update(prefix(PREFIX), session.attributes())


in_open_sent("RFC 6608 §3: a KEEPALIVE in OpenSent is answered with 5/1", lambda s: KEEPALIVE_MESSAGE, 5, 1)
in_open_sent("RFC 6608 §3: an UPDATE in OpenSent is answered with 5/1", route, 5, 1)
in_open_sent("RFC 6608 §3: a ROUTE-REFRESH in OpenSent is answered with 5/1", lambda s: refresh(), 5, 1)
in_open_confirm("RFC 6608 §3: an UPDATE in OpenConfirm is answered with 5/2", route, 5, 2)
in_open_confirm("RFC 6608 §3: an OPEN in OpenConfirm is answered with 5/2",
                lambda s: message(OPEN, s.neighbor.open_body()), 5, 2)
in_open_confirm("RFC 6608 §3: a ROUTE-REFRESH in OpenConfirm is answered with 5/2", lambda s: refresh(), 5, 2)
in_open_sent("RFC 6608 §3: a ROUTE-REFRESH of a wrong length in OpenSent is answered with 5/1",
             lambda s: message(REFRESH, b"\0\1"), 5, 1)
in_open_confirm("RFC 6608 §3: a ROUTE-REFRESH of a wrong length in OpenConfirm is answered with 5/2",
                lambda s: message(REFRESH, b"\0\1"), 5, 2)
in_open_confirm("RFC 6608 §3: an UPDATE that is malformed, too, is answered with 5/2 in OpenConfirm",
                lambda s: message(UPDATE, b"\xff" * 4), 5, 2)


@check("RFC 6608 §3: an OPEN in Established is answered with 5/3", Neighbor())
def _(t):
    session = t.up()
    session.send(message(OPEN, t.peers[0].open_body()))
    session.expect_notification(5, 3)


def never_answered(title, octets, state="Established"):
    @check(title, Neighbor())
    def _(t):
        session = t.up() if state == "Established" else t.connect()
        session.expect_open()
        if state == "OpenConfirm":
            session.answers_keepalives = False
            session.send_open()
            session.expect_keepalive()
        session.send(octets)
        session.expect_silent_close()


for _state in ("OpenSent", "OpenConfirm", "Established"):
    never_answered(f"RFC 4271 §6.4: a NOTIFICATION in {_state} ends the connection and is not answered",
                   notification(6, 4), _state)
never_answered("RFC 4271 §6.4: a NOTIFICATION with unknown code and subcode is not answered", notification(77, 99, bytes(40)))
never_answered("RFC 9003 §2: a shutdown text longer than the message ends the session as any other", notification(6, 2, b"\xff!"))
never_answered("RFC 9003 §2: a shutdown text that is not UTF-8 ends the session as any other",
               notification(6, 2, b"\x04\xff\xfe\x00\x1b"))
never_answered("RFC 4271 §4.5: a NOTIFICATION of 4096 octets ends the session as any other",
               notification(6, 2, b"\x05hello" + bytes(4069)))


@check("RFC 4271 §6.4: routes are withdrawn when a NOTIFICATION comes", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(PREFIX)
    observer.expect_route(PREFIX)
    sender.send(notification(6, 2))
    observer.expect_no_route(PREFIX)


@check("RFC 4271 §8.2.2: routes are withdrawn when the connection is closed", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(PREFIX)
    observer.expect_route(PREFIX)
    sender.close()
    observer.expect_no_route(PREFIX)


@check("RFC 4271 §8.2.2: routes are withdrawn when the connection is reset", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(PREFIX)
    observer.expect_route(PREFIX)
    sender.reset()
    observer.expect_no_route(PREFIX)


@check("RFC 4271 §8.2.2: after a closed connection a session comes up again and has all routes", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(PREFIX)
    observer.expect_route(PREFIX)
    observer.close()
    again = t.up(1)
    again.expect_route(PREFIX)


@check("RFC 4271 §8.2.2: after an error a session comes up again within seconds when the waits are short", Neighbor())
def _(t):
    session = t.up()
    session.send(message(9))
    session.expect_notification(1, 3)
    t.up(0)


def comes_back(title, end):
    """With the waits that are the default, nothing has to be waited for."""
    @check(title, Neighbor(timers=" "))
    def _(t):
        session = t.up()
        end(session)
        session.expect_closed()
        t.peers[0].establish(patience=3.0)


comes_back("RFC 4271 §8.1.1: after a closed connection the peer is admitted again at once", lambda s: s.close())
comes_back("RFC 4486 §5: after an administrative reset by the peer it is admitted again at once", lambda s: s.send(notification(6, 4)))
comes_back("RFC 4486 §5: after a configuration change of the peer it is admitted again at once", lambda s: s.send(notification(6, 6)))


@check("RFC 4271 §8.2.2: a KEEPALIVE follows the OPEN", Neighbor())
def _(t):
    session = t.connect()
    session.expect_open()
    session.send_open()
    session.expect_keepalive(patience=1)
    kinds = [kind for _, kind, _ in session.messages]
    expect(kinds[:2] == [OPEN, KEEPALIVE], "OPEN, KEEPALIVE", kinds)


@check("RFC 4271 §8.2.2: no route is sent before the KEEPALIVE that makes the session established", Neighbor(),
       statics=[PREFIX])
def _(t):
    session = t.connect()
    session.answers_keepalives = False
    session.expect_open()
    session.send_open()
    session.expect_keepalive()
    session.quiet(0.4)
    expect(not session.updates, "no UPDATE", f"{len(session.updates)} UPDATEs")
    session.send(KEEPALIVE_MESSAGE)
    session.expect_route(PREFIX)


@check("RFC 4271 §8.1.1: a passive neighbour is not called", Neighbor(), slow=2.5)
def _(t):
    listener = t.peers[0].listen()
    listener.settimeout(2.5)
    try:
        listener.accept()
    except TimeoutError:
        return
    fail("no connection", "one")


@check("RFC 4271 §8.2.2: a neighbour that is not passive is called and the session comes up", Neighbor(passive=False),
       Neighbor(), slow=1)
def _(t):
    listener = t.peers[0].listen()
    caller = t.peers[0].accept(listener)
    caller.establish()
    caller.announce(PREFIX)
    t.up(1).expect_route(PREFIX)


@check("RFC 4271 §8.2.2: a neighbour that refuses is called again", Neighbor(passive=False), slow=3)
def _(t):
    until(lambda: False, 1.5)       # the first call is refused
    listener = t.peers[0].listen()
    t.peers[0].accept(listener, 8).establish()


@check("RFC 4271 §8.2.2: a neighbour that closes before its OPEN is called again", Neighbor(passive=False), slow=3)
def _(t):
    listener = t.peers[0].listen()
    first = t.peers[0].accept(listener)
    first.expect_open()
    first.close()
    t.peers[0].accept(listener, 8).establish()


@check("RFC 4271 §8: a connection from an address that is no neighbour's gets no OPEN", Neighbor(host=250), Neighbor())
def _(t):
    stranger = t.peers[1]
    stranger.address = f"{t.worker.net(0)}.16"
    t.up(0)
    try:
        session = stranger.connect(patience=1.0, answered=False)
    except Failed:
        return                      # refused
    session.wait(lambda: session.closed or session.open or session.notification, 2)
    expect(session.open is None, "no OPEN", session.story)
    session.close()


@check("RFC 4271 §8: a hundred connections from strangers leave sessions alone", Neighbor())
def _(t):
    session = t.up()
    stranger = t.peers[0]
    stranger.address = f"{t.worker.net(0)}.16"
    sockets = []
    for _ in range(100):
        sock = stranger.socket()
        sock.settimeout(1)
        sock.bind((stranger.address, 0))
        try:
            sock.connect((stranger.dut, 179))
            sock.sendall(b"hello")
        except OSError:
            pass
        sockets.append(sock)
    session.expect_alive(0.3)
    for sock in sockets:
        sock.close()
    session.send(refresh())
    session.expect_alive(0.2)


group("Timers")


@check("RFC 4271 §6.5: a peer that is silent for the hold time gets 4/0, and not before", Neighbor(), slow=4)
def _(t):
    session = t.connect()
    session.answers_keepalives = False
    session.establish(hold=3)
    began = time.monotonic()
    session.expect_notification(4, 0, patience=7)
    seconds = session.closed[0] - began
    expect(2.6 <= seconds <= 6.5, "4/0 after 3 seconds", f"{seconds:.1f} s")


@check("RFC 4271 §4.2: our smaller hold time counts too", Neighbor(hold=3), slow=4)
def _(t):
    session = t.connect()
    session.answers_keepalives = False
    session.establish(hold=90)
    began = time.monotonic()
    session.expect_notification(4, 0, patience=7)
    seconds = session.closed[0] - began
    expect(2.6 <= seconds <= 6.5, "4/0 after 3 seconds", f"{seconds:.1f} s")


@check("RFC 4271 §8.2.2: the hold timer runs in OpenConfirm", Neighbor(), slow=4)
def _(t):
    session = t.connect()
    session.answers_keepalives = False
    session.expect_open()
    session.send_open(hold=3)
    session.expect_notification(4, 0, patience=7)


@check("RFC 4271 §8.2.2: a peer that never sends an OPEN gets 4/0 after the first, large hold time",
       Neighbor(raw={"bird": "startup hold time 3;", "martlet": "startup hold time 3;"}), only=("martlet", "bird"), slow=4)
def _(t):
    session = t.connect()
    session.expect_open()
    session.expect_notification(4, 0, patience=7)


def refreshes_hold(title, octets):
    @check(title, Neighbor(), slow=5)
    def _(t):
        session = t.connect()
        session.answers_keepalives = False
        session.establish(hold=3)
        for _ in range(5):
            session.quiet(1.0)
            session.send(octets(session))
        session.expect_alive(0.2)


refreshes_hold("RFC 4271 §8.2.2: every KEEPALIVE restarts the hold timer", lambda s: KEEPALIVE_MESSAGE)
refreshes_hold("RFC 4271 §8.2.2: every UPDATE restarts the hold timer", route)
refreshes_hold("RFC 4271 §8.2.2: an UPDATE without routes restarts the hold timer", lambda s: update())


@check("RFC 4271 §6.5: octets of a message that never ends do not restart the hold timer", Neighbor(), slow=5)
def _(t):
    session = t.connect()
    session.answers_keepalives = False
    session.establish(hold=3)
    session.send(message(UPDATE, length=4000)[:19])
    for _ in range(6):
        if session.notification or session.closed:
            break
        session.quiet(1.0)
        try:
            session.send(bytes(4))
        except OSError:
            break
    session.expect_notification(4, 0, patience=2)


@check("RFC 4271 §4.4: with a hold time of 0 no KEEPALIVEs are sent and the session stays", Neighbor(hold=3), slow=5)
def _(t):
    session = t.connect()
    session.establish(hold=0)
    session.expect_alive(4.5)
    expect(session.count(KEEPALIVE) == 1, "one KEEPALIVE", session.count(KEEPALIVE))


@check("RFC 4271 §4.4: KEEPALIVEs come every third of the negotiated hold time", Neighbor(), slow=5)
def _(t):
    session = t.connect()
    session.establish(hold=6)
    session.expect_alive(7.0)
    times = [when for when, kind, _ in session.messages if kind == KEEPALIVE]
    gaps = [b - a for a, b in zip(times[1:], times[2:])]
    expect(gaps and all(1.3 <= gap <= 2.4 for gap in gaps), "gaps of at most 2 seconds", [f"{g:.2f}" for g in gaps])


@check("RFC 4271 §4.4: KEEPALIVEs come at most once a second", Neighbor(), slow=4)
def _(t):
    session = t.connect()
    session.answers_keepalives = False
    session.establish(hold=3)
    session.start_keepalives(0.5)
    session.expect_alive(4.0)
    times = [when for when, kind, _ in session.messages if kind == KEEPALIVE]
    gaps = [b - a for a, b in zip(times[1:], times[2:])]
    expect(gaps and min(gaps) >= 0.7 and max(gaps) <= 1.5, "gaps of about a second", [f"{g:.2f}" for g in gaps])


def flood(session, count=1200):
    """UPDATEs of about 1,800 octets each: BIRD passes no attributes that are much larger."""
    filler = b"".join(large(f"{i}:{i}:{i}") for i in range(140))
    for i in range(count):
        octets = attribute(LARGE_COMMUNITIES, i.to_bytes(4, "big") + filler[4:])
        session.send(update(prefix(f"10.{150 + i // 250}.{i % 250}.0/24"), session.attributes(extra=[octets])))


@check("RFC 9687 §3: a peer that does not read gets its session closed when the send hold timer ends",
       Neighbor(), Neighbor(raw={"martlet": "send hold time 3;", "bird": ""}), Neighbor(), only=("martlet",), slow=8)
def _(t):
    sender, other = t.up(0), t.up(2)
    lazy = t.connect(1, buffer=4096)
    lazy.establish(hold=30)
    lazy.start_keepalives(1)
    lazy.reads.clear()
    flood(sender)
    began = time.monotonic()
    other.expect_route("10.154.199.0/24", patience=8)
    other.expect_alive(0.1)
    # The other end does not take our KEEPALIVEs any more once it has closed.
    def closed():
        try:
            lazy.send(KEEPALIVE_MESSAGE)
            return False
        except OSError:
            return True
    expect(until(closed, 10, 0.2), "the connection to be closed", "it is open")
    expect(time.monotonic() - began < 9, "a close after 3 seconds", f"{time.monotonic() - began:.1f} s")


@check("RFC 9687 §3: the end by the send hold timer is told with code 8", Neighbor(),
       Neighbor(raw={"martlet": "send hold time 3;", "bird": ""}), only=("martlet",), slow=5)
def _(t):
    sender = t.up(0)
    lazy = t.connect(1, buffer=4096)
    lazy.establish(hold=30)
    lazy.start_keepalives(1)
    lazy.reads.clear()
    flood(sender)
    expect(until(lambda: "sent: Send Hold Timer Expired" in t.dut.bgpctl("show", "neighbors", "p1"), 10, 0.2),
           "the neighbour to show that NOTIFICATION 8 was sent", t.dut.bgpctl("show", "neighbors", "p1"))
    # What had been written before is a whole number of messages and, if the last one came through, it is NOTIFICATION 8.
    lazy.reads.set()
    lazy.expect_closed()
    expect(lazy.notification is None or lazy.notification[:2] == (8, 0), "NOTIFICATION 8/0 or none", lazy.story)


@check("RFC 9687 §3: KEEPALIVEs that the peer takes restart the send hold timer", Neighbor(raw={"martlet": "send hold time 4;"}),
       slow=9)
def _(t):
    session = t.up(hold=9)
    session.expect_alive(9)


@check("RFC 9687 §3: a session without anything to send stays up beyond the send hold time",
       Neighbor(raw={"martlet": "send hold time 3;"}), slow=7)
def _(t):
    session = t.up(hold=90)
    session.expect_alive(7)


@check("RFC 9687 §3: a peer that reads slowly keeps its session", Neighbor(), Neighbor(raw={"martlet": "send hold time 3;", "bird": ""}),
       only=("martlet",), slow=6)
def _(t):
    sender = t.up(0)
    slow = t.connect(1, buffer=4096)
    slow.establish(hold=30)
    slow.start_keepalives(1)
    flood(sender)
    # It reads for a moment every second and a half.
    for _ in range(4):
        slow.reads.clear()
        slow.quiet(1.5)
        slow.reads.set()
        slow.quiet(0.1)
    slow.reads.set()
    slow.expect_route("10.154.199.0/24", patience=20)
    slow.expect_alive(0.1)


@check("RFC 9687 §1: a peer that does not read holds up no other peer", Neighbor(), Neighbor(), Neighbor(), slow=3)
def _(t):
    sender, other = t.up(0), t.up(2)
    lazy = t.connect(1, buffer=4096)
    lazy.establish(hold=90)
    lazy.reads.clear()
    flood(sender)
    other.expect_route("10.154.199.0/24", patience=10)
    sender.announce(PREFIX)
    other.expect_route(PREFIX)


group("Collisions")


def collide(t, identifier, index=0, asn=None):
    """Both connections with OPENs exchanged: (the daemon's, ours)."""
    peer = t.peers[index]
    listener = peer.listen()
    theirs = peer.accept(listener)
    theirs.answers_keepalives = False
    theirs.expect_open()
    ours = peer.connect()
    ours.answers_keepalives = False
    theirs.send_open(identifier=identifier)
    # OpenConfirm, unless the daemon decides at once, which it may because the identifier is known now.
    theirs.wait(lambda: theirs.count(KEEPALIVE) or theirs.closed, 2)
    ours.wait(lambda: ours.open or ours.closed, 2)
    try:
        ours.send_open(identifier=identifier)
    except OSError:
        pass
    return theirs, ours


@check("RFC 4271 §6.8: with the lower identifier the daemon closes the connection that it opened, with 6/7",
       config=Config(Neighbor(passive=False), router_id="10.0.0.1"), slow=2)
def _(t):
    theirs, ours = collide(t, "192.0.2.200")
    theirs.expect_notification(6, 7)
    ours.expect_keepalive()
    ours.send(KEEPALIVE_MESSAGE)
    ours.expect_alive(0.3)


@check("RFC 4271 §6.8: with the higher identifier the daemon closes the connection that the peer opened, with 6/7",
       config=Config(Neighbor(passive=False), router_id="192.0.2.200"), slow=2)
def _(t):
    theirs, ours = collide(t, "10.0.0.1")
    ours.expect_notification(6, 7)
    theirs.send(KEEPALIVE_MESSAGE)
    theirs.expect_alive(0.3)


@check("RFC 4271 §6.8: identifiers compare as unsigned numbers",
       config=Config(Neighbor(passive=False), router_id="127.0.0.1"), slow=2)
def _(t):
    theirs, ours = collide(t, "200.0.0.1")
    theirs.expect_notification(6, 7)
    ours.expect_keepalive()


@check("RFC 6286 §2.3: with equal identifiers the higher AS wins; ours is lower",
       config=Config(Neighbor(passive=False, asn=65500), router_id="192.0.2.9"), slow=2)
def _(t):
    theirs, ours = collide(t, "192.0.2.9")
    theirs.expect_notification(6, 7)
    ours.expect_keepalive()
    ours.send(KEEPALIVE_MESSAGE)
    ours.expect_alive(0.3)


@check("RFC 6286 §2.3: with equal identifiers the higher AS wins; ours is higher",
       config=Config(Neighbor(passive=False, asn=64600), router_id="192.0.2.9"), slow=2)
def _(t):
    theirs, ours = collide(t, "192.0.2.9")
    ours.expect_notification(6, 7)
    theirs.send(KEEPALIVE_MESSAGE)
    theirs.expect_alive(0.3)


@check("RFC 4271 §6.8: a second connection to an established session is closed and the session stays", Neighbor())
def _(t):
    session = t.up()
    try:
        second = t.peers[0].connect(patience=1.0, answered=False)
        second.wait(lambda: second.open or second.closed, 1)
        if not second.closed:
            second.send_open()
        second.expect_closed(4)
        expect(second.notification is None or second.notification[:2] == (6, 7), "6/7 or a silent close", second.story)
    except (Failed, OSError) as error:
        if isinstance(error, Failed) and "connection from" not in str(error):
            raise
    session.expect_alive(0.3)


@check("RFC 4271 §6.8: a second connection without an OPEN leaves an established session alone", Neighbor(), Neighbor())
def _(t):
    session, observer = t.all_up()
    session.announce(PREFIX)
    observer.expect_route(PREFIX)
    try:
        t.peers[0].connect(patience=0.5, answered=False)
    except Failed:
        pass
    session.expect_alive(0.5)
    expect(observer.route(PREFIX), f"{PREFIX} to stay", observer.story)


@check("RFC 4271 §6.8: connections beside an established session, one after the other, do not fill the log", Neighbor(),
       only=("martlet",))
def _(t):
    session = t.up()
    for _ in range(100):
        other = t.connect()
        other.send_open()
        other.expect_notification(6, 7)
        other.close()
    session.expect_alive()
    with open(f"{t.dut.folder}/log") as log:
        lines = sum("NOTIFICATION" in line for line in log)
    # Ten at once, and one more each second.
    expect(0 < lines < 60, "some lines about NOTIFICATIONs", f"{lines}")


@check("RFC 4271 §6.8: in OpenConfirm with the higher identifier the daemon closes the connection that the peer opens, with 6/7",
       config=Config(Neighbor(passive=False), router_id="192.0.2.200"), slow=2)
def _(t):
    peer = t.peers[0]
    theirs = peer.accept(peer.listen())
    theirs.answers_keepalives = False
    theirs.send_open(identifier="10.0.0.1")
    theirs.expect_keepalive()
    ours = peer.connect()
    ours.send_open(identifier="10.0.0.1")
    ours.expect_notification(6, 7)
    theirs.send(KEEPALIVE_MESSAGE)
    theirs.expect_alive(0.3)


@check("RFC 4271 §6.8: in OpenConfirm with the lower identifier the daemon closes the connection that it opened, with 6/7",
       config=Config(Neighbor(passive=False), router_id="10.0.0.1"), slow=2)
def _(t):
    peer = t.peers[0]
    theirs = peer.accept(peer.listen())
    theirs.answers_keepalives = False
    theirs.send_open(identifier="192.0.2.200")
    theirs.expect_keepalive()
    ours = peer.connect()
    ours.send_open(identifier="192.0.2.200")
    theirs.expect_notification(6, 7)
    ours.expect_keepalive()
    ours.send(KEEPALIVE_MESSAGE)
    ours.expect_alive(0.3)


@check("RFC 4271 §6.8: when a collision has cost both connections the neighbour is called again",
       config=Config(Neighbor(passive=False), router_id="192.0.2.200"), slow=4)
def _(t):
    peer = t.peers[0]
    listener = peer.listen()
    theirs = peer.accept(listener)
    theirs.expect_open()
    ours = peer.connect()
    ours.expect_open()
    ours.send_open(identifier="10.0.0.1")
    ours.wait(lambda: ours.closed, 1)
    theirs.send(notification(6, 7))
    theirs.expect_closed()
    if not ours.closed:
        ours.close()
    peer.accept(listener).establish(identifier="10.0.0.1")


@check("RFC 4271 §6.8: connections of the neighbour that say OPEN and go leave its established session alone",
       Neighbor(), Neighbor())
def _(t):
    session, observer = t.all_up()
    session.announce(PREFIX)
    observer.expect_route(PREFIX)
    for _ in range(50):
        sock = session.neighbor.socket()
        sock.bind((session.neighbor.address, 0))
        try:
            sock.connect((session.neighbor.dut, 179))
            sock.sendall(message(OPEN, session.neighbor.open_body()))
        except OSError:
            pass
        sock.close()
    session.expect_alive(0.5)
    expect(observer.route(PREFIX), f"{PREFIX} to stay", observer.story)


@check("RFC 4271 §8.2.2: a second connection whose OPEN is refused leaves the established session alone", Neighbor(), Neighbor())
def _(t):
    session, observer = t.all_up()
    session.announce(PREFIX)
    observer.expect_route(PREFIX)
    try:
        second = t.peers[0].connect(patience=1.0, answered=False)
        second.wait(lambda: second.open or second.closed, 1)
        second.send_open(asn=64999)
        second.expect_closed()
    except OSError:
        pass
    session.expect_alive(0.3)
    expect(observer.route(PREFIX), f"{PREFIX} to stay", observer.story)


@check("RFC 4271 §8.2.2: what came before the peer's end of the stream is taken, then its routes go", Neighbor(), Neighbor())
def _(t):
    session, observer = t.all_up()
    session.announce(PREFIX)
    observer.expect_route(PREFIX)
    session.sock.shutdown(socket.SHUT_WR)
    observer.expect_no_route(PREFIX)
    session.expect_closed()


@check("RFC 6608 §3: an OPEN that is wrong, too, is answered with 5/3 in Established", Neighbor())
def _(t):
    session = t.up()
    session.send(message(OPEN, b"\3" + bytes(9)))
    session.expect_notification(5, 3)
