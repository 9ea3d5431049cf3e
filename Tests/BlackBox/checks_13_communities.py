"""Well-known communities that a policy may act on, and that do nothing by themselves."""
from dut import Config, Neighbor
from framework import *
from peer import *
from wire import *

group("Well-known communities that policy acts on")

P, Q = "203.0.113.0/24", "203.0.113.9/32"
NOPEER, BLACKHOLE, NO_EXPORT = "65535:65284", "65535:666", "65535:65281"


# In the language of filters, for neighbours that are bilateral peers and for the others.
NOT_TO_PEERS = "filter { if (65535, 65284) ~ bgp_community then reject; if source = RTS_BGP then accept; reject; }"


@check("RFC 3765 §2: a policy keeps routes with NOPEER from a bilateral peer, and a withdrawal follows when it is added",
       Neighbor(), Neighbor(exports=NOT_TO_PEERS), Neighbor(), only=("martlet", "bird"))
def _(t):
    sender, peer, other = t.all_up()
    sender.announce(P)
    peer.expect_route(P)
    sender.announce(P, communities=[NOPEER])
    peer.expect_no_route(P)
    route = other.expect_route(P, lambda r: r.communities == [NOPEER], "the route with NOPEER")
    t.absent(sender, peer, P)
    expect(route is not None, "the route", route)


# As RFC 7999 §3.2 and §3.3 ask of those who honour it: only host routes, and not beyond the own AS.
HONOUR = ("filter { if (65535, 666) ~ bgp_community then { if net.len < 32 then reject; dest = RTD_BLACKHOLE;"
          " bgp_community.add((65535, 65281)); } accept; }")


@check("RFC 7999 §3.2: a policy that honours BLACKHOLE adds NO_EXPORT, so that the route stays in the AS",
       Neighbor(imports=HONOUR), Neighbor(), Neighbor(internal=True), only=("martlet", "bird"))
def _(t):
    sender, outside, inside = t.all_up()
    sender.announce(Q, communities=[BLACKHOLE])
    route = inside.expect_route(Q)
    expect(sorted(route.communities) == [NO_EXPORT, BLACKHOLE], "BLACKHOLE and NO_EXPORT", route)
    t.absent(sender, outside, Q)


@check("RFC 7999 §3.3: a policy that honours BLACKHOLE for host routes refuses it for others", Neighbor(imports=HONOUR), Neighbor(),
       only=("martlet", "bird"))
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, communities=[BLACKHOLE])
    t.absent(sender, observer, P)
