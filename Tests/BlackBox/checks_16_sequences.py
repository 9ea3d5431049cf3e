"""What happens one after the other: rules that hold for one announcement have to hold after withdrawals, changes and restarts."""
import itertools

from checks_15_options import same
from dut import AS, Config, Neighbor
from framework import *
from peer import *
from wire import *

P, Q, R = "203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24"
BOTH = ("ipv4", "ipv6")
INNER = dict(internal=True)
RECEIVES, SENDS = dict(also=[add_path((IPV4, 1))]), dict(also=[add_path((IPV4, 2))])


def names(session, prefix=P):
    """Path identifiers by the first community of the route."""
    return {(route.communities or ["none"])[0]: number for number, route in session.find(prefix).items()}


def has(session, *communities, prefix=P):
    """The session has exactly the paths with these communities."""
    expect(session.wait(lambda: len(session.find(prefix)) == len(communities) and set(names(session, prefix)) == set(communities)),
           f"paths {', '.join(communities)}", names(session, prefix))
    return names(session, prefix)


group("Sequences: decision")


def ladder(title, neighbors, routes, **config):
    """Routes, the best first, arrive in every order, are withdrawn from the best down and come back from the last but one up."""
    @check(title, config=Config(*neighbors, Neighbor(asn=65900), **config))
    def _(t):
        sessions = t.all_up()
        observer = sessions.pop()
        number = 0

        def wins(index, prefix, when):
            observer.expect_route(prefix, lambda r: r.communities == [f"1:{index}"], f"route {index} {when}")

        def announce(index, prefix):
            sessions[index].announce(prefix, communities=[f"1:{index}"], **routes[index])

        for order in itertools.permutations(range(len(routes))):
            prefix = f"100.{64 + number}.0.0/16"
            number += 1
            for place, index in enumerate(order):
                announce(index, prefix)
                wins(min(order[:place + 1]), prefix, f"after {index} in order {order}")
            for index in range(len(routes) - 1):
                sessions[index].withdraw(prefix)
                wins(index + 1, prefix, f"when {index} is withdrawn")
            for index in reversed(range(len(routes) - 1)):
                announce(index, prefix)
                wins(index, prefix, f"when {index} is back")


def aigp(metric, more=b""):
    return attribute(AIGP, b"\1\0\x0b" + struct.pack(">Q", metric) + more)


HOPS = [(f"192.0.2.{number}/32", "10.{w.host}.0.11", number) for number in (10, 20, 30)]

ladder("RFC 4271 §9.1.1: LOCAL_PREF decides in every order of arrival and withdrawal", [Neighbor(**INNER)] * 3,
       [dict(local_pref=300), dict(local_pref=200), dict(local_pref=0)])
ladder("RFC 4271 §9.1.2.2a: the path length decides in every order of arrival and withdrawal", [Neighbor(**INNER)] * 3,
       [dict(path=[]), dict(path=[65010]), dict(path=[65010, 65011])])
ladder("RFC 4271 §9.1.2.2b: the origin decides in every order of arrival and withdrawal", [Neighbor(**INNER)] * 3,
       [dict(origin=0), dict(origin=1), dict(origin=2)])
ladder("RFC 4271 §9.1.2.2c: MED decides in every order of arrival and withdrawal", [Neighbor(asn=65200)] * 3,
       [dict(), dict(med=1), dict(med=4294967295)])
ladder("RFC 4271 §9.1.2.2c: MED is compared between routes from inside the AS", [Neighbor(**INNER)] * 3,
       [dict(path=[]), dict(path=[], med=1), dict(path=[], med=2)])
ladder("RFC 4271 §9.1.2.2d: external before internal, and then the identifier, in every order", [Neighbor(asn=65200), Neighbor(**INNER), Neighbor(**INNER)],
       [dict(), dict(path=[65201]), dict(path=[65202])])
ladder("RFC 4456 §9: ORIGINATOR_ID decides in every order of arrival and withdrawal", [Neighbor(**INNER)] * 3,
       [dict(originator="192.0.2.1"), dict(originator="192.0.2.2"), dict(originator="203.0.113.1")])
ladder("RFC 4456 §9: CLUSTER_LIST decides in every order of arrival and withdrawal", [Neighbor(**INNER)] * 3,
       [dict(originator="192.0.2.1"), dict(originator="192.0.2.1", clusters=["192.0.2.9"]),
        dict(originator="192.0.2.1", clusters=["192.0.2.9", "192.0.2.8"])])
ladder("RFC 7311 §4.1: AIGP decides in every order of arrival and withdrawal", [Neighbor(aigp=True, **INNER)] * 3,
       [dict(extra=[aigp(1)], path=[65010, 65011, 65012]), dict(extra=[aigp(2)], path=[65010]), dict(path=[])])
ladder("RFC 4271 §9.1.2.2e: the metric to the next hop decides beside MED in every order", [Neighbor(**INNER)] * 3,
       [dict(path=[65201], med=10, next_hop="192.0.2.10"), dict(path=[65202], med=50, next_hop="192.0.2.20"),
        dict(path=[65202], med=100, next_hop="192.0.2.30")], recursive=HOPS)
ladder("RFC 5065 §5.3: MED of members is compared by the AS outside of the confederation", [Neighbor(asn=65001, confederation=True)] * 2,
       [dict(path=[(CONFED_SEQUENCE, [65001, 65002]), (SEQUENCE, [65200])], local_pref=100, med=1),
        dict(path=[(CONFED_SEQUENCE, [65001]), (SEQUENCE, [65200])], local_pref=100, med=2)], confederation=65100)


@check("RFC 4451 §2: a route that MED puts behind another one counts again when that is withdrawn",
       config=Config(*[Neighbor(raw={"bird": "deterministic med on;"}, **INNER)] * 3, Neighbor(), recursive=HOPS))
def _(t):
    *senders, observer = t.all_up()
    routes = [dict(path=[65201], med=1, next_hop="192.0.2.30"), dict(path=[65202], med=5, next_hop="192.0.2.20"),
              dict(path=[65201], med=10, next_hop="192.0.2.10")]

    def wins(index, prefix):
        observer.expect_route(prefix, lambda r: r.communities == [f"1:{index}"], f"route {index}")

    for number, order in enumerate(itertools.permutations(range(3))):
        prefix = f"100.{64 + number}.0.0/16"
        for index in order:
            senders[index].announce(prefix, communities=[f"1:{index}"], **routes[index])
            observer.quiet(0.05)
        wins(1, prefix)
        senders[0].withdraw(prefix)
        wins(2, prefix)
        senders[0].announce(prefix, communities=["1:0"], **routes[0])
        wins(1, prefix)


@check("RFC 5065 §5.3: a member's route counts as internal beside one of our own AS, and the metric decides",
       config=Config(Neighbor(**INNER), Neighbor(asn=65001, confederation=True), Neighbor(), confederation=65100, recursive=HOPS))
def _(t):
    inner, member, observer = t.all_up()
    sends = [lambda p: inner.announce(p, path=[65200], next_hop="192.0.2.10", communities=["1:1"]),
             lambda p: member.announce(p, path=[(CONFED_SEQUENCE, [65001]), (SEQUENCE, [65200])], next_hop="192.0.2.20",
                                       local_pref=100, communities=["2:2"])]
    for prefix, order in ((P, (0, 1)), (Q, (1, 0))):
        for index in order:
            sends[index](prefix)
            observer.quiet(0.1)
        observer.expect_route(prefix, lambda r: r.communities == ["1:1"], "the internal route of the lower metric")


@check("RFC 5004 §3: with `prefer older` the best route stays over changes of its own, and moves only when it goes",
       *[Neighbor(raw=same("prefer older on;"))] * 2, Neighbor(), only=("martlet", "bird"))
def _(t):
    first, second, observer = t.all_up()

    def stays(name):
        t.settle(second, observer)
        expect(observer.route(P).communities == [name], name, observer.route(P))
    second.announce(P, communities=["2:2"])
    observer.expect_route(P)
    first.announce(P, communities=["1:1"])
    stays("2:2")
    second.announce(P, communities=["2:3"])
    observer.expect_route(P, lambda r: r.communities == ["2:3"], "2:3")
    second.withdraw(P)
    observer.expect_route(P, lambda r: r.communities == ["1:1"], "1:1")
    second.announce(P, communities=["2:2"])
    stays("1:1")


group("Sequences: advertising")


@check("RFC 4271 §9.1.3: when the best route moves between external peers each has that of the other, and never its own", *[Neighbor()] * 3)
def _(t):
    first, second, observer = t.all_up()
    first.announce(P, path=[t.peers[0].asn, 65010])
    second.expect_route(P)
    second.announce(P)
    second.expect_no_route(P)
    first.expect_route(P, lambda r: t.peers[1].asn in r.path)
    second.withdraw(P)
    second.expect_route(P, lambda r: t.peers[0].asn in r.path)
    first.expect_no_route(P)
    first.withdraw(P)
    second.expect_no_route(P)
    observer.expect_no_route(P)


@check("RFC 4271 §9.2: of announcements and withdrawals in one segment the last counts", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    there, gone = update(prefix(P), sender.attributes(med=1)), update(withdrawn=prefix(P))
    sender.send(there, gone, there, gone)
    t.absent(sender, observer, P)
    sender.send(gone, there, gone, there)
    observer.expect_route(P)
    sender.send(gone, there, gone, there)
    t.settle(sender, observer, prefix="198.18.1.0/24")
    expect(observer.route(P), P, observer.story)
    sender.send(there, gone)
    observer.expect_no_route(P)


@check("RFC 4271 §9.2: a route that the export policy kept back is not withdrawn either", Neighbor(),
       Neighbor(exports="filter { if net = 203.0.113.0/24 then reject; accept; }"))
def _(t):
    sender, observer = t.all_up()
    sender.announce(P)
    sender.withdraw([P, Q])
    t.settle(sender, observer)
    gone = [key for seen in observer.updates for key in seen.withdrawn]
    expect(not gone, "no withdrawal", gone)


@check("RFC 1997: communities that the export policy adds are sent, not obeyed", Neighbor(),
       Neighbor(exports="filter { bgp_community.add((65535, 65281)); bgp_community.add((65535, 65282)); accept; }"))
def _(t):
    sender, observer = t.all_up()
    sender.announce(P)
    expect(observer.expect_route(P).communities == ["65535:65281", "65535:65282"], "both", observer.route(P))


@check("RFC 1997: NO_EXPORT, NO_ADVERTISE and NO_EXPORT_SUBCONFED each stop where they should in a confederation",
       config=Config(Neighbor(), Neighbor(**INNER), Neighbor(asn=65001, confederation=True), Neighbor(), confederation=65100))
def _(t):
    sender, *others = t.all_up()
    for number, text in enumerate(("65535:65281", "65535:65282", "65535:65283")):
        sender.announce(f"100.64.{number}.0/24", communities=[text])
    t.settle(sender, *others)
    seen = [[n for n in range(3) if other.route(f"100.64.{n}.0/24")] for other in others]
    expect(seen == [[0, 2], [0], []], "[0, 2] inside, [0] to a member, none outside", seen)


@check("RFC 8326 §4.2: GRACEFUL_SHUTDOWN that comes and goes moves the best route away and back", Neighbor(), Neighbor(**INNER), Neighbor(), only=("martlet",))
def _(t):
    sender, inner, other = t.all_up()
    sender.announce(P)
    inner.expect_route(P, lambda r: r.local_pref == 100)
    sender.announce(P, communities=["65535:0"])
    inner.expect_route(P, lambda r: r.local_pref == 0 and r.communities == ["65535:0"], "LOCAL_PREF 0 and the community")
    other.announce(P, path=[t.peers[2].asn, 65010, 65011])
    inner.expect_route(P, lambda r: t.peers[2].asn in r.path, "the longer path")
    sender.announce(P)
    inner.expect_route(P, lambda r: t.peers[0].asn in r.path and r.local_pref == 100, "the first again")


@check("RFC 9234 §4.2: a role that nobody knows fits no role and is answered with 2/11", Neighbor(role="provider"))
def _(t):
    session = t.connect()
    session.send_open(also=[capability(9, b"\xc8")])
    session.expect_notification(2, 11)


@check("RFC 9234 §5: a route that becomes a leak is withdrawn, in both families", Neighbor(role="provider", families=BOTH), Neighbor(families=BOTH))
def _(t):
    sender, observer = t.up(0, also=[capability(9, b"\3")]), t.up(1)
    marked = [attribute(35, struct.pack(">I", 4200000001), 0xC0)]
    for extra in ([], marked, [], marked):
        sender.announce(P, extra=extra)
        sender.announce6("2001:db8::/32", extra=extra)
        for text in (P, "2001:db8::/32"):
            observer.expect_no_route(text) if extra else observer.expect_route(text)


@check("RFC 7311 §3.4: AIGP grows by the metric to the next hop where that changes, other TLVs stay",
       alone="BIRD names the router behind the next hop in its place and leaves the metric as it came",
       config=Config(Neighbor(aigp=True, **INNER), Neighbor(rr_client=True, aigp=True, **INNER), Neighbor(aigp=True),
                     recursive=[("192.0.2.10/32", "10.{w.host}.0.11", 50)]))
def _(t):
    sender, client, outer = t.all_up()
    sender.announce(P, path=[65200], next_hop="192.0.2.10", extra=[aigp(1000, b"\5\0\5ab")])
    for session, metric in ((client, 1000), (outer, 1050)):
        wanted = b"\1\0\x0b" + struct.pack(">Q", metric) + b"\5\0\5ab"
        session.expect_route(P, lambda r: r.value(AIGP) == wanted, f"AIGP {metric}")
    sender.announce(P, path=[65200], next_hop="192.0.2.10", extra=[aigp(2**64 - 1)])
    outer.expect_route(P, lambda r: r.value(AIGP) == b"\1\0\x0b" + b"\xff" * 8, "the largest metric")


group("Sequences: several paths")


@check("RFC 7911 §3: the best two of four paths keep their identifiers while others come, go and change places",
       *[Neighbor(**INNER)] * 4, Neighbor(add_path="tx", rr_client=True, channel={"martlet": "add paths best 2;"}, **INNER), only=("martlet",))
def _(t):
    senders = [t.up(index) for index in range(4)]
    client = t.up(4, **RECEIVES)
    for index, sender in enumerate(senders):
        sender.announce(P, local_pref=100 + index, communities=[f"1:{index}"])
    before = has(client, "1:2", "1:3")
    senders[3].announce(P, local_pref=102, communities=["1:3"])
    t.settle(senders[3], client)
    expect(has(client, "1:2", "1:3") == before, before, names(client))
    senders[0].announce(P, local_pref=500, communities=["1:0"])
    expect(has(client, "1:0", "1:2")["1:2"] == before["1:2"], before, names(client))
    senders[0].withdraw(P)
    expect(has(client, "1:2", "1:3")["1:2"] == before["1:2"], before, names(client))
    senders[2].withdraw(P)
    senders[3].withdraw(P)
    has(client, "1:1")
    senders[1].close()
    client.expect_no_route(P)


@check("RFC 7911 §3: paths of a client are reflected under identifiers of our own, and it gets none of them back",
       *[Neighbor(rr_client=True, add_path="both", **INNER)] * 2, Neighbor(rr_client=True, **INNER))
def _(t):
    both = dict(also=[add_path((IPV4, 3))])
    first, second, third = t.up(0, **both), t.up(1, **both), t.up(2)
    first.announce(P, path_id=1, communities=["1:1"], local_pref=200)
    first.announce(P, path_id=2, communities=["1:2"])
    second.announce(P, path_id=1, communities=["2:1"], local_pref=150)

    def foreign(session, index):
        return {k for k, r in session.find(P).items() if r.originator != t.peers[index].identifier}
    expect(second.wait(lambda: {"1:1", "1:2"} <= set(names(second)) and len(foreign(second, 1)) == 2), "both of the first", names(second))
    expect(first.wait(lambda: "2:1" in names(first) and len(foreign(first, 0)) == 1), "that of the second", names(first))
    third.expect_route(P, lambda r: r.communities == ["1:1"])
    # The same route under another identifier, then the former goes.
    first.announce(P, path_id=9, communities=["1:1"], local_pref=200)
    first.withdraw(P, path_id=1)
    t.settle(first, third)
    expect(second.wait(lambda: len(foreign(second, 1)) == 2 and {"1:1", "1:2"} <= set(names(second))), "two paths", names(second))
    for route in second.find(P).values():
        expect(route.originator and route.cluster_list, "ORIGINATOR_ID and CLUSTER_LIST", route)
    first.withdraw(P, path_id=77)
    first.withdraw(P, path_id=9)
    expect(second.wait(lambda: len(foreign(second, 1)) == 1 and "1:2" in names(second)), "the other path", names(second))
    third.expect_route(P, lambda r: r.communities == ["2:1"])


@check("RFC 7911 §3: another number of best paths adds and takes back paths, the rest keep their identifiers",
       Neighbor(add_path="both", **INNER), Neighbor(add_path="tx", channel={"martlet": "add paths best 2;"}), only=("martlet",))
def _(t):
    sender, observer = t.up(0, **SENDS), t.up(1, **RECEIVES)
    for number in range(5):
        sender.announce(P, path_id=number, local_pref=100 + number, communities=[f"1:{number}"], path=[65300])
    first = has(observer, "1:4", "1:3")
    config = t.dut.config
    for count, best in ((4, "4321"), (1, "4"), (0, "43210"), (3, "432"), (2, "43")):
        config.neighbors[1].channel = {"martlet": f"add paths best {count};" if count else ""}
        t.dut.reload(config)
        seen = has(observer, *(f"1:{number}" for number in best))
        expect(seen["1:4"] == first["1:4"], first, seen)


def two_paths(title, **options):
    """A check with a peer that sends several paths and one that receives them."""
    return check(title, Neighbor(add_path="rx"), Neighbor(add_path="tx"), **options)


@two_paths("RFC 7911 §3: one UPDATE may announce and withdraw paths of one prefix")
def _(t):
    sender, observer = t.up(0, **SENDS), t.up(1, **RECEIVES)
    sender.send(update(prefix(P, 1) + prefix(P, 2) + prefix(Q, 1), sender.attributes()))
    expect(observer.wait(lambda: len(observer.find(P)) == 2 and observer.find(Q)), "two and one", observer.rib.keys())
    sender.send(update(prefix(P, 1), sender.attributes(med=1), withdrawn=prefix(P, 2) + prefix(Q, 1)))
    expect(observer.wait(lambda: len(observer.find(P)) == 1 and not observer.find(Q)), "one", observer.rib.keys())


@two_paths("RFC 7911 §3: paths in MP_REACH_NLRI and in NLRI are of one space of identifiers")
def _(t):
    sender, observer = t.up(0, **SENDS), t.up(1, **RECEIVES)
    sender.announce6([P], next_hop=t.peers[0].address4, path_id=3, family=IPV4, communities=["1:1"])
    sender.announce(P, path_id=4, communities=["1:2"])
    has(observer, "1:1", "1:2")
    sender.withdraw(P, path_id=3)
    has(observer, "1:2")
    sender.withdraw6([P], path_id=4, family=IPV4)
    observer.expect_no_route(P)


@two_paths("RFC 1997: NO_ADVERTISE takes back the one path that gets it")
def _(t):
    sender, observer = t.up(0, **SENDS), t.up(1, **RECEIVES)
    for number in range(3):
        sender.announce(P, path_id=number, communities=[f"1:{number}"])
    has(observer, "1:0", "1:1", "1:2")
    sender.announce(P, path_id=0, communities=["1:0", "65535:65282"])
    has(observer, "1:1", "1:2")


@two_paths("RFC 7911 §3: a new export policy takes back the paths that it rejects, the others keep their identifiers", only=("martlet", "bird"))
def _(t):
    sender, observer = t.up(0, **SENDS), t.up(1, **RECEIVES)
    for number in range(3):
        sender.announce(P, path_id=number, communities=[f"1:{number}"])
    first = has(observer, "1:0", "1:1", "1:2")
    config = t.dut.config
    config.neighbors[1].exports = "filter { if (1, 1) ~ bgp_community then reject; accept; }"
    t.dut.reload(config)
    has(observer, "1:0", "1:2")
    observer.send(refresh())
    observer.quiet(0.3)
    rest = has(observer, "1:0", "1:2")
    expect(all(first[name] == number for name, number in rest.items()), first, rest)
    config.neighbors[1].exports = "all"
    t.dut.reload(config)
    has(observer, "1:0", "1:1", "1:2")


@two_paths("RFC 7313 §4.2: a refresh removes the paths that were not sent again, by identifier")
def _(t):
    sender, observer = t.up(0, also=[add_path((IPV4, 2)), capability(70)]), t.up(1, **RECEIVES)
    for number in range(3):
        sender.announce(P, path_id=number, communities=[f"1:{number}"])
    has(observer, "1:0", "1:1", "1:2")
    sender.send(refresh(subtype=1))
    sender.announce(P, path_id=1, communities=["1:1"])
    sender.announce(P, path_id=3, communities=["1:3"])
    has(observer, "1:0", "1:1", "1:2", "1:3")
    sender.send(refresh(subtype=2))
    has(observer, "1:1", "1:3")


group("Sequences: route server")

SORTED = same("ipv4 table master4 sorted;")
SECOND = dict(rs_client=True, channel=same("secondary on;"))


@check("RFC 7947 §2.3.2: each client has the best route that it may have, while routes come, change and go", only=("martlet", "bird"),
       config=Config(Neighbor(**SECOND), Neighbor(**SECOND),
                     Neighbor(exports="filter { if bgp_path ~ [= 65101 * =] then reject; accept; }", **SECOND), raw=SORTED))
def _(t):
    first, second, third = t.all_up()
    first.announce(P, communities=["1:1"])
    second.expect_route(P)
    for name, path in (("2:1", [65102, 65010]), ("2:2", [65102, 65010]), ("2:3", [65102])):
        second.announce(P, communities=[name], path=path)
        for client in (first, third):
            client.expect_route(P, lambda r: r.communities == [name], f"{name} of the second")
    first.withdraw(P)
    second.expect_no_route(P)
    t.settle(second, first, third)
    expect([c.route(P).communities for c in (first, third)] == [["2:3"]] * 2, "2:3", [c.route(P) for c in (first, third)])
    second.withdraw(P)
    for client in (first, third):
        client.expect_no_route(P)
    # A best route that nobody may have.
    first.announce(Q, communities=["65535:65281"])
    second.announce(Q, communities=["2:2"], path=[65102, 65010])
    for client in (first, third):
        client.expect_route(Q, lambda r: r.communities == ["2:2"], "the second best")
    t.settle(second, first, third, prefix="198.18.1.0/24")
    expect(not second.route(Q), "none", second.route(Q))
