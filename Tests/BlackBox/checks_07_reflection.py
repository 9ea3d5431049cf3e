"""Route reflection (RFC 4456)."""
from dut import AS, Config, Neighbor
from framework import *
from peer import *
from wire import *

group("Route reflection")

P, Q = "203.0.113.0/24", "198.51.100.0/24"


def client():
    return Neighbor(internal=True, rr_client=True)


def inner():
    return Neighbor(internal=True)


def flows(title, source, target, passes):
    @check(title, source, target, Neighbor())
    def _(t):
        sender, observer, outer = t.all_up()
        sender.announce(P)
        outer.expect_route(P)                   # it is used
        if passes:
            observer.expect_route(P)
        else:
            observer.quiet(0.3)
            expect(observer.route(P) is None, f"no {P}", observer.route(P))


flows("RFC 4456 §6: a client's route goes to other clients", client(), client(), True)
flows("RFC 4456 §6: a client's route goes to non-clients", client(), inner(), True)
flows("RFC 4456 §6: a non-client's route goes to clients", inner(), client(), True)
flows("RFC 4456 §6: a non-client's route does not go to non-clients", inner(), inner(), False)
flows("RFC 4456 §6: an external route goes to clients", Neighbor(), client(), True)
flows("RFC 4456 §6: an external route goes to non-clients", Neighbor(), inner(), True)


@check("RFC 4271 §9.2: without reflection a route of an internal peer goes to no other internal peer", inner(), inner(), Neighbor())
def _(t):
    sender, observer, outer = t.all_up()
    sender.announce(P)
    outer.expect_route(P)
    observer.quiet(0.3)
    expect(observer.route(P) is None, f"no {P}", observer.route(P))


@check("RFC 4456 §6: routes of ours go to clients and non-clients", client(), inner(), statics=[P])
def _(t):
    for session in t.all_up():
        session.expect_route(P)


def reflected(title, condition, expected, config=None, identifier=None, **attributes):
    @check(title, config=config or Config(client(), client(), router_id="10.255.0.1"))
    def _(t):
        sender, observer = t.up(0, identifier=identifier), t.up(1)
        sender.announce(P, **{k: v(t) if callable(v) else v for k, v in attributes.items()})
        route = observer.expect_route(P)
        expect(condition(route, t), expected, route)


reflected("RFC 4456 §8: ORIGINATOR_ID is the identifier of the peer that sent the route",
          lambda r, t: r.originator == "192.0.2.55", "192.0.2.55", identifier="192.0.2.55")
reflected("RFC 4456 §8: ORIGINATOR_ID that is there is kept", lambda r, t: r.originator == "192.0.2.99", "192.0.2.99",
          originator="192.0.2.99")
reflected("RFC 4456 §8: CLUSTER_LIST is created with the identifier as cluster id",
          lambda r, t: r.cluster_list == ["10.255.0.1"], "10.255.0.1")
reflected("RFC 4456 §8: the own cluster id is prepended to CLUSTER_LIST",
          lambda r, t: r.cluster_list == ["10.255.0.1", "192.0.2.3", "192.0.2.4"], "10.255.0.1, 192.0.2.3, 192.0.2.4",
          clusters=["192.0.2.3", "192.0.2.4"])
reflected("RFC 4456 §7: a configured cluster id is used instead of the identifier",
          lambda r, t: r.cluster_list == ["192.0.2.77"], "192.0.2.77",
          config=Config(client(), client(), router_id="10.255.0.1", cluster="192.0.2.77"))
reflected("RFC 4456 §10: NEXT_HOP is left alone", lambda r, t: r.next_hop == [t.peers[0].address4], "the sender's address")
reflected("RFC 4456 §10: AS_PATH, LOCAL_PREF and MED are left alone",
          lambda r, t: (r.path, r.local_pref, r.med) == ([65010, 65011], 250, 77), "65010 65011, 250, 77",
          path=[65010, 65011], local_pref=250, med=77)
reflected("RFC 4456 §10: communities of all kinds are left alone", lambda r, t: (
    r.communities, r.large_communities, r.ext_communities) == (["65010:1"], ["65010:1:2"], ["0002fde800000001"]),
    "the same", communities=["65010:1"], large=["65010:1:2"], ext=["0002fde800000001"])
reflected("RFC 4456 §8: ORIGINATOR_ID and CLUSTER_LIST are sent as optional and not transitive", lambda r, t: (
    r.attributes[ORIGINATOR][0] & 0xE0, r.attributes[CLUSTER_LIST][0] & 0xE0) == (0x80, 0x80), "flags 80")


def ignored(title, config=None, **attributes):
    @check(title, config=config or Config(client(), client(), router_id="10.255.0.1"))
    def _(t):
        sender, observer = t.all_up()
        sender.announce(P)
        observer.expect_route(P)
        sender.announce(P, **attributes)
        observer.expect_no_route(P)
        t.absent(sender, observer, P)
        sender.expect_alive()


ignored("RFC 4456 §8: a route with our identifier as ORIGINATOR_ID is ignored and the session stays", originator="10.255.0.1")
ignored("RFC 4456 §8: a route with our cluster id in CLUSTER_LIST is ignored", clusters=["192.0.2.3", "10.255.0.1", "192.0.2.4"])
ignored("RFC 4456 §8: a route with our configured cluster id in CLUSTER_LIST is ignored", clusters=["192.0.2.77"],
        config=Config(client(), client(), router_id="10.255.0.1", cluster="192.0.2.77"))


@check("RFC 4456 §8: a route with our identifier as ORIGINATOR_ID is ignored from a non-client, too",
       config=Config(inner(), Neighbor(), router_id="10.255.0.1"))
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, originator="10.255.0.1")
    t.absent(sender, observer, P)


for _cluster, _where in ((None, "our identifier"), ("192.0.2.77", "our configured cluster id")):
    @check(f"RFC 4456 §8: a route with {_where} in CLUSTER_LIST is ignored from a non-client, too",
           config=Config(inner(), client(), router_id="10.255.0.1", cluster=_cluster))
    def _(t, cluster=_cluster):
        sender, observer = t.all_up()
        sender.announce(P, originator="192.0.2.1", clusters=["192.0.2.3", cluster or "10.255.0.1"])
        t.absent(sender, observer, P)


@check("RFC 4456 §8: a route that has been in the cluster of a client is not reflected to it, whatever the session it came by knows",
       config=Config(inner(), Neighbor(internal=True, rr_client=True, raw={d: "rr cluster id 192.0.2.77;" for d in ("martlet", "bird")}), client(), Neighbor()),
       only=("martlet", "bird"))
def _(t):
    sender, same_cluster, other, outer = t.all_up()
    sender.announce(P, originator="192.0.2.1", clusters=["192.0.2.77"])
    other.expect_route(P)
    outer.expect_route(P)
    t.absent(sender, same_cluster, P)
    # The same without the cluster goes to all, and is taken back from the one when it has it.
    sender.announce(P, originator="192.0.2.1", clusters=["192.0.2.78"])
    same_cluster.expect_route(P)
    sender.announce(P, originator="192.0.2.1", clusters=["192.0.2.78", "192.0.2.77"])
    same_cluster.expect_no_route(P)
    other.expect_route(P, lambda r: "192.0.2.77" in r.cluster_list)


@check("RFC 4456 §8: ORIGINATOR_ID and CLUSTER_LIST do not go to external peers", client(), Neighbor())
def _(t):
    sender, outer = t.all_up()
    sender.announce(P, originator="192.0.2.99", clusters=["192.0.2.3"])
    route = outer.expect_route(P)
    expect(ORIGINATOR not in route.attributes and CLUSTER_LIST not in route.attributes, "neither", route)


@check("RFC 4456 §8: an external route goes to clients without ORIGINATOR_ID and CLUSTER_LIST", Neighbor(), client())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P)
    route = observer.expect_route(P)
    expect(ORIGINATOR not in route.attributes and CLUSTER_LIST not in route.attributes, "neither", route)


@check("RFC 4456 §8: routes of ours go to clients without ORIGINATOR_ID and CLUSTER_LIST", client(), statics=[P])
def _(t):
    route = t.up().expect_route(P)
    expect(ORIGINATOR not in route.attributes and CLUSTER_LIST not in route.attributes, "neither", route)


@check("RFC 4456 §6: a client's withdrawal is reflected", client(), client(), inner())
def _(t):
    sender, other, third = t.all_up()
    sender.announce([P, Q])
    for session in (other, third):
        session.expect_route(P)
    sender.withdraw(P)
    for session in (other, third):
        session.expect_no_route(P)
        session.expect_route(Q)


@check("RFC 4456 §6: when the best route moves from a client to another, the new one has no own route as best",
       client(), client(), client())
def _(t):
    first, second, observer = t.all_up()
    first.announce(P, local_pref=200)
    observer.expect_route(P, lambda r: r.local_pref == 200)
    second.expect_route(P, lambda r: r.local_pref == 200)
    second.announce(P, local_pref=300)
    observer.expect_route(P, lambda r: r.local_pref == 300)
    first.expect_route(P, lambda r: r.local_pref == 300)
    # What was sent to the second is its own no more: withdrawn, or its own route comes back, marked by ORIGINATOR_ID.
    def right():
        route = second.route(P)
        return route is None or route.originator == t.peers[1].identifier
    expect(second.wait(right), "a withdrawal, or the own route with its ORIGINATOR_ID", second.route(P))


@check("RFC 4456 §9: of otherwise equal routes the one with the shorter CLUSTER_LIST wins", inner(), inner(), Neighbor())
def _(t):
    first, second, observer = t.all_up()
    first.announce(P, originator="192.0.2.1", clusters=["192.0.2.3", "192.0.2.4"], communities=["1:1"])
    observer.expect_route(P)
    second.announce(P, originator="192.0.2.1", clusters=["192.0.2.3"], communities=["2:2"])
    observer.expect_route(P, lambda r: r.communities == ["2:2"], "the second")


@check("RFC 4456 §9: ORIGINATOR_ID stands for the identifier in the decision", inner(), inner(), Neighbor())
def _(t):
    first, second, observer = t.all_up()
    first.announce(P, originator="192.0.2.200", communities=["1:1"])
    observer.expect_route(P)
    second.announce(P, originator="192.0.2.100", communities=["2:2"])
    observer.expect_route(P, lambda r: r.communities == ["2:2"], "the second, with the lower ORIGINATOR_ID")


@check("RFC 4456 §10: IPv6 routes are reflected with the next hop left alone",
       Neighbor(internal=True, rr_client=True, families=("ipv4", "ipv6")), Neighbor(internal=True, rr_client=True, families=("ipv4", "ipv6")))
def _(t):
    sender, observer = t.all_up()
    sender.announce6("2001:db8::/32")
    route = observer.expect_route("2001:db8::/32")
    expect(route.next_hop[0] == t.peers[0].address6, "the sender's address", route)
    expect(route.originator == t.peers[0].identifier, "the sender's identifier", route)
