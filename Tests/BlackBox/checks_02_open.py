"""OPEN messages and capabilities."""
import struct

from dut import Config, Neighbor
from framework import *
from wire import *

group("OPEN")


def refused(title, code, subcode, data=None, neighbor=None, config=None, body=None, pending=None, only=None, **changes):
    """A check: an OPEN is answered with a NOTIFICATION."""
    @check(title, *([] if config else [neighbor or Neighbor()]), config=config, pending=pending, only=only)
    def _(t):
        session = t.connect()
        session.expect_open()
        session.send_open(body(t.peers[0]) if body else None, **changes)
        session.expect_notification(code, subcode, data)


def accepted(title, neighbor=None, then=None, config=None, body=None, pending=None, **changes):
    """A check: a session comes up with an OPEN."""
    @check(title, *([] if config else [neighbor or Neighbor()]), config=config, pending=pending)
    def _(t):
        session = t.connect()
        session.expect_open()
        session.send_open(body(t.peers[0]) if body else None, **changes)
        session.expect_keepalive()
        session.send(KEEPALIVE_MESSAGE)
        session.expect_alive(0.3)
        if then:
            then(t, session)


for _version in (3, 5, 0):
    refused(f"RFC 4271 §6.2: version {_version} is answered with 2/1 and version 4 in two octets", 2, 1, b"\0\x04",
            version=_version)
refused("RFC 4271 §6.2: another AS than the configured one is answered with 2/2", 2, 2, asn=64999)
refused("RFC 7607 §2: AS 0 in the fixed field is answered with 2/2", 2, 2, my_as=0)
refused("RFC 7607 §2: AS 0 in the four-octet AS capability is answered with 2/2", 2, 2,
        body=lambda p: p.open_body(my_as=p.asn, without=(65,), also=[as4(0)]))
refused("RFC 6793 §4.1: another AS in the capability than configured is answered with 2/2", 2, 2,
        body=lambda p: p.open_body(my_as=p.asn, without=(65,), also=[as4(p.asn + 1)]))
refused("RFC 6793 §4.1: a fixed field that is neither AS_TRANS nor the capability's AS is answered with 2/2", 2, 2,
        my_as=64321)
refused("RFC 6793 §9: AS_TRANS as the peer's own AS is answered with 2/2", 2, 2,
        body=lambda p: p.open_body(asn=AS_TRANS, my_as=AS_TRANS))
accepted("RFC 6793 §4.1: a four-octet AS with AS_TRANS in the fixed field is accepted", Neighbor(asn=4200000001))
accepted("RFC 6793 §4.1: AS_TRANS in the fixed field is accepted for an AS that fits two octets", my_as=AS_TRANS)
accepted("RFC 6793 §4.2.1: a peer without the capability is accepted as a two-octet speaker", without=(65,))
refused("RFC 6793 §4.1: a two-octet speaker with another AS is answered with 2/2", 2, 2, asn=64999, without=(65,))
for _hold in (1, 2):
    refused(f"RFC 4271 §6.2: a hold time of {_hold} is answered with 2/6", 2, 6, hold=_hold)
for _hold in (0, 3, 65535):
    accepted(f"RFC 4271 §6.2: a hold time of {_hold} is accepted", hold=_hold)
refused("RFC 4271 §6.2: a hold time below the configured minimum is answered with 2/6", 2, 6, hold=19, only=("martlet", "frr", "openbgpd"),
        config=Config(Neighbor(raw={"martlet": "min hold time 20;", "openbgpd": "holdtime min 20"}),
                      raw={"frr": " bgp minimum-holdtime 20", "openbgpd": ""}))
refused("RFC 6286 §2.2: identifier 0 is answered with 2/3", 2, 3, identifier="0.0.0.0")
refused("RFC 6286 §2.2: an internal peer with our own identifier is answered with 2/3", 2, 3,
        config=Config(Neighbor(internal=True), router_id="10.99.99.99"), identifier="10.99.99.99")
accepted("RFC 6286 §2.1: an external peer may have our identifier", config=Config(Neighbor(), router_id="10.99.99.99"),
         identifier="10.99.99.99")
accepted("RFC 6286 §2.1: an identifier that is no unicast address is accepted", identifier="255.255.255.254")
accepted("RFC 6286 §2.1: an identifier from class D is accepted", identifier="224.0.0.1")
refused("RFC 4271 §6.2: an unknown optional parameter is answered with 2/4", 2, 4, parameters=parameter(200, b"\1\2"))
refused("RFC 5492 §4: the deprecated authentication parameter is answered with 2/4 or 2/5", 2, (4, 5),
        parameters=parameter(1, b"\0"))
refused("RFC 4271 §6.2: optional parameters that overrun the OPEN are answered with 2/0", 2, 0,
        body=lambda p: open_body(p.asn, identifier=p.identifier, parameters=parameter(2, capability(2)), length=30))
refused("RFC 4271 §6.2: a parameter longer than the rest is answered with 2/0", 2, 0,
        body=lambda p: open_body(p.asn, identifier=p.identifier, parameters=parameter(2, capability(2), length=20)))
refused("RFC 5492 §4: a capability longer than its parameter is answered with 2/0", 2, 0,
        body=lambda p: open_body(p.asn, identifier=p.identifier, parameters=parameter(2, capability(64, b"\0", length=40))))
refused("RFC 4271 §6.2: one octet of optional parameters is answered with 2/0", 2, 0,
        body=lambda p: open_body(p.asn, identifier=p.identifier, parameters=b"\2"))


@check("RFC 4271 §4.2: the daemon's OPEN has version 4, its AS, its hold time and its identifier", Neighbor(hold=42),
       config=Config(Neighbor(hold=42), router_id="192.0.2.77"))
def _(t):
    seen = t.connect().expect_open()
    expect((seen.version, seen.my_as, seen.hold, seen.identifier) == (4, 65000, 42, "192.0.2.77"),
           "4, 65000, 42, 192.0.2.77", (seen.version, seen.my_as, seen.hold, seen.identifier))


@check("RFC 6793 §9: an own AS above 65535 stands in the capability, AS_TRANS in the fixed field",
       config=Config(Neighbor(), asn=4200000000))
def _(t):
    seen = t.connect().expect_open()
    expect((seen.my_as, seen.asn) == (AS_TRANS, 4200000000), "AS_TRANS and 4200000000", (seen.my_as, seen.asn))


@check("RFC 4271 §8.2.2: the OPEN is sent at once when a connection comes in", Neighbor())
def _(t):
    session = t.connect(answered=True)
    session.expect_open(1.0)
    expect(session.messages[0][0] - session.began < 0.8, "an OPEN at once", f"{session.messages[0][0] - session.began:.2f} s")


group("Capabilities")

accepted("RFC 5492 §3: an OPEN without optional parameters is accepted", capabilities=[])


@check("RFC 4760 §8: without a multiprotocol capability IPv4 unicast is implied", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.up(0, without=(1,)), t.up(1)
    sender.announce("203.0.113.0/24")
    observer.expect_route("203.0.113.0/24")


@check("RFC 5492 §3: a peer without any capability exchanges IPv4 routes", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.up(0, capabilities=[]), t.up(1)
    sender.announce("203.0.113.0/24")
    observer.expect_route("203.0.113.0/24")
    observer.announce("198.51.100.0/24")
    sender.expect_route("198.51.100.0/24")


accepted("RFC 5492 §4: one capability in each of several parameters is accepted",
         body=lambda p: open_body(p.asn, identifier=p.identifier, parameters=b"".join(
             parameter(2, c) for c in (mp(1), capability(2), as4(p.asn), capability(70)))))
accepted("RFC 5492 §3: unknown capabilities are ignored", also=[capability(250, b"anything"), capability(99)])
accepted("RFC 5492 §4: the same capability twice is accepted", also=[mp(1), capability(2)])
accepted("RFC 5492 §4: families named more than once and unknown families are accepted",
         also=[mp(2), mp(25, 70), mp(1), mp(16388, 71)])
accepted("RFC 4760 §8: a multiprotocol capability's reserved octet is ignored",
         also=[capability(1, struct.pack(">HBB", 2, 0xAA, 1))])
accepted("RFC 5492 §3: host name, software version and dynamic capability are accepted or ignored",
         also=[capability(73, b"\4peer\0"), capability(75, b"\6peer 1"), capability(67, b"")])
accepted("RFC 5492 §4: a capability of 255 octets is skipped", body=lambda p: p.open_body(
    capabilities=[capability(240, bytes(180)), mp(1), as4(p.asn)]))


@check("RFC 4760 §8: a family that the peer did not name is not announced to it", Neighbor(families=("ipv4", "ipv6")),
       statics=["2001:db8::/32", "203.0.113.0/24"])
def _(t):
    session = t.up(0, capabilities=[mp(1), as4(t.peers[0].asn), capability(2)])
    session.expect_route("203.0.113.0/24")
    session.quiet(0.3)
    expect(not session.find("2001:db8::/32"), "no IPv6 route", session.rib)


@check("RFC 4760 §7: routes of a family that was not negotiated are ignored and the session stays", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce6("2001:db8::/32")
    t.absent(sender, observer, "2001:db8::/32")
    sender.expect_alive()


@check("RFC 5492 §5: a session without a common family is answered with 2/7", Neighbor(families=("ipv6",)))
def _(t):
    session = t.connect()
    session.expect_open()
    session.send_open(capabilities=[mp(1), capability(2), as4(t.peers[0].asn)])
    session.expect_notification(2, 7)


refused("RFC 5492 §3: a peer without a capability that is required is answered with 2/7 and the capability", 2, 7, capability(2),
        only=("martlet",), neighbor=Neighbor(raw={"martlet": "require route refresh on;"}), without=(2,))


@check("RFC 5492 §5: the data of 2/7 are capabilities", Neighbor(families=("ipv6",)),
       alone="the data MUST list the capabilities that are missed; others send none, or one that is there, or keep the session")
def _(t):
    session = t.connect()
    session.expect_open()
    session.send_open(capabilities=[mp(1), capability(2), as4(t.peers[0].asn)])
    data = session.expect_notification(2, 7)
    expect(mp(2) in data and len(data) % 6 == 0, "the capability of IPv6", data.hex())


@check("RFC 5492 §4: the daemon offers its families, route refresh and four-octet AS, each as the RFCs write it",
       Neighbor(families=("ipv4", "ipv6")))
def _(t):
    seen = t.connect().expect_open()
    expect(sorted(seen.families) == [IPV4, IPV6], "both families", seen.families)
    expect(seen.value(2) == b"", "route refresh without value", seen.capabilities)
    expect(seen.value(65) == struct.pack(">I", 65000), "AS 65000", seen.capabilities)


@check("RFC 4760 §8: the daemon offers only what is configured", Neighbor())
def _(t):
    seen = t.connect().expect_open()
    expect(seen.families == [IPV4], "IPv4 alone", seen.families)


@check("RFC 7313 §3.1: enhanced route refresh is offered without value", Neighbor())
def _(t):
    seen = t.connect().expect_open()
    expect(seen.value(70) == b"", "capability 70 without value", seen.capabilities)


@check("RFC 4724 §3: a helper offers graceful restart with R clear and no forwarding kept", Neighbor())
def _(t):
    value = t.connect().expect_open().value(64)
    expect(value is not None and len(value) >= 2 and not value[0] & 0x80, "capability 64 with R clear", value)
    expect(not any(value[i + 3] & 0x80 for i in range(2, len(value) - 3, 4)), "F clear", value.hex())


@check("RFC 9072 §2: the daemon uses the extended form only for more than 255 octets", Neighbor(families=("ipv4", "ipv6")))
def _(t):
    seen = t.connect().expect_open()
    size = sum(2 + len(v) for _, v in seen.capabilities)
    expect(seen.extended == (size > 253), "the usual form", "the extended one")


accepted("RFC 9072 §2: the extended form is accepted when it is small", extended=True)
accepted("RFC 9072 §2: capabilities of more than 255 octets in the extended form are accepted", extended=True,
         also=[capability(240, bytes(200)), capability(241, bytes(200))])
accepted("RFC 9072 §2: the length octet of the extended form is ignored unless zero",
         extended=True, length=7)
accepted("RFC 9072 §2: several parameters in the extended form are accepted", body=lambda p: open_body(
    p.asn, identifier=p.identifier, extended=True,
    parameters=b"".join(b"\2" + struct.pack(">H", len(c)) + c for c in (mp(1), as4(p.asn), capability(240, bytes(250))))))
refused("RFC 9072 §2: an extended length that overruns the OPEN is answered with 2/0", 2, 0,
        body=lambda p: p.open_body(extended=True)[:11] + b"\x10\0" + p.open_body(extended=True)[13:])


@check("RFC 5492 §3: a peer that refuses optional parameters with 2/4 gets an OPEN without them, or the same again",
       Neighbor(passive=False))
def _(t):
    listener = t.peers[0].listen()
    first = t.peers[0].accept(listener)
    first.expect_open()
    first.send(notification(2, 4))
    first.expect_silent_close()
    second = t.peers[0].accept(listener, 8.0)
    second.expect_open()
    expect(second.open.version == 4, "an OPEN", second.story)
