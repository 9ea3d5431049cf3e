"""What the daemon says of its own decisions: explanations of routes, the last NOTIFICATIONs, attributes as shown."""
import json

from dut import AS, Config, Neighbor
from framework import *
from peer import *
from wire import *

P, Q, R = "203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24"
P6 = "2001:db8:1::/48"
AIGP, OTC = 26, 35


def told(title, *neighbors, **options):
    """A check of what only Martlet's own control interface tells."""
    return check(title, *neighbors, only=("martlet",), **options)


NOTHING = {"paths": [], "neighbors": [], "exports": [], "malformed": []}


def explained(t, prefix, *arguments):
    """The explanation of a prefix in the one table that there is."""
    answers = json.loads(t.dut.bgpctl("explain", prefix, "--json", *arguments))
    return answers[0] if answers else NOTHING


def path(t, prefix, name, **wanted):
    """What is said of the path of a neighbour, once it is as wanted."""
    found = {}

    def good():
        found["path"] = next((p for p in explained(t, prefix)["paths"] if p["route"]["protocol"] == name), None)
        return found["path"] and all(found["path"].get(k) == v for k, v in wanted.items())
    expect(until(good), f"{name}: {wanted}", found["path"])
    return found["path"]


def neighbor(t, prefix, name, state, *reasons):
    """What is said of a neighbour, once its state and the reasons are as wanted."""
    found = {}

    def good():
        found["it"] = next((n for n in explained(t, prefix, "--neighbor", name)["neighbors"] if n["name"] == name), None)
        if not found["it"]:
            return False
        texts = [r["reason"] for r in found["it"]["reasons"]]
        return found["it"]["state"] == state and all(reason in texts for reason in reasons)
    expect(until(good), f"{name}: {state} {reasons}", found["it"])
    return found["it"]


group("Explanations")


@told("RFC 4271 §9.1.2: a route with the own AS in its path is explained as rejected for that", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, path=[65101, AS])
    path(t, P, "p0", verdict="rejected", reason="own AS in AS_PATH")
    neighbor(t, P, "p1", "withheld", "rejected on import")


@told("RFC 4456 §8: reflection loops are explained by the attribute that shows them",
      Neighbor(internal=True, rr_client=True), cluster="192.0.2.77", router_id="10.9.9.9")
def _(t):
    sender = t.up()
    sender.announce(P, originator="10.9.9.9", clusters=["192.0.2.1"])
    sender.announce(Q, originator="10.0.0.8", clusters=["192.0.2.77"])
    path(t, P, "p0", verdict="rejected", reason="ORIGINATOR_ID is this router")
    path(t, Q, "p0", verdict="rejected", reason="own cluster in CLUSTER_LIST")


@told("RFC 4271 §5.1.3: a next hop set by the import policy that can be none is explained as invalid",
      Neighbor(imports="filter { bgp_next_hop = 127.0.0.1; accept; }"))
def _(t):
    t.up().announce(P)
    path(t, P, "p0", verdict="rejected", reason="invalid next hop")


@told("RFC 4271 §9.1.2: a next hop that does not resolve is explained, and keeps the route from neighbours",
      Neighbor(internal=True), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, next_hop="172.31.255.1")
    path(t, P, "p0", verdict="unusable", reason="the next hop does not resolve")
    neighbor(t, P, "p1", "withheld", "its next hop does not resolve")


@told("RFC 4271 §6.7: a route over a limit is explained as such", Neighbor(limit=(1, "block")))
def _(t):
    sender = t.up()
    sender.announce(P)
    sender.announce(Q)
    path(t, P, "p0", verdict="best")
    path(t, Q, "p0", verdict="rejected", reason="over the import limit")


@told("RFC 7606 §2: what counted as withdrawn is explained by the attribute and what was wrong with it", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce([P, Q])
    sender.announce(P, replace={ORIGIN: attribute(ORIGIN, b"\7")})
    observer.expect_no_route(P)
    for arguments in ([P], ["203.0.113.9"]):
        said = explained(t, *arguments)
        expect(said["paths"] == [] and [m["neighbor"] for m in said["malformed"]] == ["p0"], "p0", said)
        error = said["malformed"][0]
        expect(error["attribute"] == "ORIGIN" and error["cause"] and error["at"], "ORIGIN and a cause", error)
    text = t.dut.bgpctl("explain", P)
    expect("p0 sent it in an UPDATE that counts as withdrawal: ORIGIN: " in text, "the same in words", text)
    expect(not explained(t, Q)["malformed"], "nothing of another prefix", explained(t, Q))
    sender.announce(P)
    path(t, P, "p0", verdict="best")
    expect(not explained(t, P)["malformed"], "no more once it came well", explained(t, P))


@told("RFC 8212 §3: without consent of the policy nothing is taken or sent, and the explanation says so",
      Neighbor(imports="none"), Neighbor(), Neighbor(exports="none"))
def _(t):
    silent, sender, deaf = t.all_up()
    silent.announce(P)
    sender.announce(Q)
    path(t, P, "p0", verdict="rejected", reason="the import policy is 'none'")
    neighbor(t, Q, "p2", "withheld", "the export policy is 'none'")


def unused(t, prefix, name, reason, *arguments):
    """What is said of a route that was left out, once it is said."""
    found = {}

    def good():
        found["it"] = explained(t, prefix, *arguments)
        return any(u["neighbor"] == name and reason in u["reason"] for u in found["it"].get("unused", []))
    expect(until(good), f"{name}: {reason}", found["it"])
    text = t.dut.bgpctl("explain", prefix, *arguments)
    expect(f"{name} sent it, and it was left out: " in text and reason in text, "the same in words", text)


@told("RFC 4271 §6.3: a route whose next hop is this host is explained as such, and again when it comes with another one",
      Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P)
    observer.expect_route(P)
    sender.announce(P, next_hop=t.peers[0].dut4)
    observer.expect_no_route(P)
    path(t, P, "p0", verdict="unusable", reason="the next hop is an address of this host")
    neighbor(t, P, "p1", "withheld", "its next hop does not resolve")
    t.dut.reload(t.config)
    path(t, P, "p0", verdict="unusable", reason="the next hop is an address of this host")
    sender.announce(P)
    observer.expect_route(P)
    path(t, P, "p0", verdict="best")


@told("RFC 4271 §6.3: with another import policy a route whose next hop is this host stays out", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, next_hop=t.peers[0].dut4)
    path(t, P, "p0", verdict="unusable", reason="the next hop is an address of this host")
    t.config.neighbors[0].imports = "filter { bgp_local_pref = 50; accept; }"
    t.dut.reload(t.config)
    sender.announce(Q)
    observer.expect_route(Q)
    path(t, P, "p0", verdict="unusable", reason="the next hop is an address of this host")
    sender.expect_alive()


@told("RFC 7606 §5.3: prefixes that no route can have are explained and counted, the others of the message are used",
      Neighbor(families=("ipv4", "ipv6")), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(["224.0.0.0/8", P, "127.0.0.0/8", "240.1.0.0/16"])
    sender.announce6(["ff02::/16", "fe80::/64"])
    observer.expect_route(P)
    for prefix in ("224.0.0.0/8", "127.0.0.0/8", "240.1.0.0/16", "ff02::/16", "fe80::/64"):
        unused(t, prefix, "p0", "multicast, loopback, link-local or reserved")
    errors = json.loads(t.dut.bgpctl("show", "neighbors", "p0", "--json"))["updateErrors"]
    expect([(e["attribute"], e["action"], e["count"]) for e in errors] == [("prefixes", "discard", 5)], "5 prefixes", errors)
    log = [line for line in open(f"{t.dut.folder}/log") if "Prefixes ignored" in line]
    expect(len(log) == 2 and "127.0.0.0/8" in log[0] and "message=" in log[0], "two lines with prefixes and octets", log)


@told("RFC 4760 §8: routes of a family that the session does not have are counted and logged once", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.up(0, also=[mp(*IPV6)]), t.up(1)
    for number in range(3):
        sender.announce6(f"2001:db8:{number}::/48")
    sender.announce(P)
    observer.expect_route(P)
    errors = json.loads(t.dut.bgpctl("show", "neighbors", "p0", "--json"))["updateErrors"]
    expect([(e["attribute"], e["cause"], e["count"]) for e in errors]
           == [("prefixes", "their address family is not negotiated", 3)], "3 messages", errors)
    log = [line for line in open(f"{t.dut.folder}/log") if "Prefixes ignored" in line]
    expect(len(log) == 1, "one line", log)


@told("RFC 4271 §6.7: a route over the receive limit is explained and counted, and no more once it is taken",
      Neighbor(limit=(1, "block", "receive")))
def _(t):
    sender = t.up()
    sender.announce(P)
    sender.announce(Q)
    unused(t, Q, "p0", "over the receive limit of 1")
    family = json.loads(t.dut.bgpctl("show", "neighbors", "p0", "--json"))["families"][0]
    expect(family["droppedRoutes"] == 1, "1 announcement left out", family)
    sender.withdraw(P)
    sender.announce(Q)
    path(t, Q, "p0", verdict="best")
    expect(not explained(t, Q).get("unused"), "nothing left out", explained(t, Q))


@told("RFC 7911 §3: paths beyond `max paths` are explained",
      Neighbor(add_path="rx", raw={"martlet": "max paths 2;"}), Neighbor())
def _(t):
    sender, observer = t.up(0, also=[add_path((IPV4, 3))]), t.up(1)
    for number in range(1, 4):
        sender.announce(P, path_id=number)
    unused(t, P, "p0", "as many paths as it may, 2")
    reasons = neighbor(t, P, "p1", "announced", "others come before it")["reasons"]
    expect([r.get("pathID") for r in reasons] == [2], "which path", reasons)


@told("RFC 4271 §6.7: a neighbour that a limit disabled is shown as disabled, is explained, and comes back when it is enabled",
      Neighbor(limit=(1, "disable", "receive")), Neighbor(limit=(0, "disable", "export")), Neighbor())
def _(t):
    greedy, poor, sender = t.all_up()
    greedy.announce([P, Q])
    greedy.expect_notification(6, 1)
    sender.announce(R)
    poor.expect_notification(6, 2)
    neighbor(t, R, "p0", "down", "there is no session")
    for name in ("p0", "p1"):
        shown = json.loads(t.dut.bgpctl("show", "neighbors", name, "--json"))
        expect(shown["idleReason"] == "disabled after an error", "disabled after an error", shown)
        said = neighbor(t, R, name, "down", "there is no session")
        expect(any("disabled after an error" in r["reason"] for r in said["reasons"]), "the state", said)
        expect("is enabled" in t.dut.bgpctl("neighbor", name, "up"), f"{name} is enabled", "something else")
    t.up(0).expect_alive()


@told("RFC 4271 §8.1.1: a neighbour that was told nothing is not shown as if it had been", Neighbor(passive=False))
def _(t):
    t.dut.shut_down(t.peers[0], "maintenance")
    shown = json.loads(t.dut.bgpctl("show", "neighbors", "p0", "--json"))
    expect(shown["idleReason"] == "disabled", "disabled", shown)
    expect(shown.get("lastError", {}).get("direction") != "sent" and "lastNotificationSent" not in shown, "nothing sent", shown)


@told("RFC 5065 §5: NO_EXPORT_SUBCONFED is explained by its name", Neighbor(), Neighbor())
def _(t):
    sender, outside = t.all_up()
    sender.announce(P, communities=["65535:65283"])
    neighbor(t, P, "p1", "withheld", "it carries NO_EXPORT_SUBCONFED")


@told("RFC 4724 §4.1: what waits for neighbours after a restart is explained as pending for that",
      Neighbor(graceful="on"), Neighbor(graceful="on"), slow=2)
def _(t):
    offer = [graceful(0, 30, [(IPV4, 0x80)])]
    sessions = [t.up(0, also=offer), t.up(1, also=offer)]
    sessions[0].announce(P)
    sessions[1].expect_route(P)
    t.dut.terminate()
    t.dut.process.wait(10)
    t.dut.start()
    t.up(1, also=offer)
    sender = t.up(0, also=offer)
    sender.announce(P)
    neighbor(t, P, "p1", "pending", "after the restart, neighbors have not sent all their routes yet")


@told("RFC 4271 §10: a name that there is not is answered with the one that is meant, also for an address", Neighbor())
def _(t):
    for arguments, words in ((("show", "neighbours", t.peers[0].address4), "; did you mean 'p0'?"),
                             (("neighbor", "P0", "down"), "no neighbor named 'P0'; did you mean 'p0'?"),
                             (("explain", P, "--table", "mastr4"), "no table named 'mastr4'; did you mean 'master4'?"),
                             (("show", "routes", "--table", "mastr4"), "no table named 'mastr4'; did you mean 'master4'?"),
                             (("show", "neighbors", "elsewhere"), "no neighbor named 'elsewhere'")):
        try:
            seen = t.dut.bgpctl(*arguments)
        except Failed as failure:
            seen = str(failure)
        expect(seen.endswith(words), words, seen)
    expect("p0" in t.dut.bgpctl("show", "neighbours"), "the neighbours", "none")


FILTER = "filter {\n if net = 203.0.113.0/24 then\n reject;\n accept; }"


@told("RFC 4271 §9.1: a rejection by a filter, on import and on export, names its file and line",
      Neighbor(imports=FILTER), Neighbor(exports=FILTER), Neighbor())
def _(t):
    left, right, third = t.all_up()
    left.announce(P)
    third.announce(P)
    lines = open(f"{t.dut.folder}/conf").read().splitlines()
    first, second = [number + 1 for number, line in enumerate(lines) if line.strip() == "reject;"]
    said = path(t, P, "p0", verdict="rejected", reason="rejected by the import policy")
    expect(said["place"].endswith(f"/conf:{first}"), f"line {first}", said)
    said = neighbor(t, P, "p1", "withheld", "rejected by the export policy")
    place = [r["place"] for r in said["reasons"] if r["reason"] == "rejected by the export policy"]
    expect(place[0].endswith(f"/conf:{second}"), f"line {second}", said)


@told("RFC 4271 §9.1.3: the neighbour that sent a route and the one that is its next hop do not get it, and each is told why",
      Neighbor(internal=True, rr_client=True), Neighbor(internal=True, rr_client=True), Neighbor(internal=True))
def _(t):
    sender, hop, observer = t.all_up()
    sender.announce(P, next_hop=t.peers[1].address4)
    observer.expect_route(P)
    neighbor(t, P, "p0", "withheld", "it came from this neighbor")
    neighbor(t, P, "p1", "withheld", "its next hop is this neighbor")
    neighbor(t, P, "p2", "announced")


@told("RFC 4456 §6: a route that is not reflected is explained", Neighbor(internal=True), Neighbor(internal=True))
def _(t):
    sender, observer = t.all_up()
    sender.announce(P)
    neighbor(t, P, "p1", "withheld", "it came by iBGP, and neither its sender nor this neighbor is a reflector client")


@told("RFC 1997: NO_ADVERTISE and NO_EXPORT are explained, and NO_EXPORT goes to an internal neighbour",
      Neighbor(), Neighbor(), Neighbor(internal=True))
def _(t):
    sender, outside, inside = t.all_up()
    sender.announce(P, communities=["65535:65282"])
    sender.announce(Q, communities=["65535:65281"])
    inside.expect_route(Q)
    neighbor(t, P, "p1", "withheld", "it carries NO_ADVERTISE")
    neighbor(t, P, "p2", "withheld", "it carries NO_ADVERTISE")
    neighbor(t, Q, "p1", "withheld", "it carries NO_EXPORT")
    neighbor(t, Q, "p2", "announced")


@told("RFC 9234 §5: leaks in either direction are explained by OTC",
      Neighbor(role="provider"), Neighbor(internal=True), Neighbor(role="customer"))
def _(t):
    customer, inside, provider = t.up(0, also=[capability(9, b"\3")]), t.up(1), t.up(2, also=[capability(9, b"\0")])
    customer.announce(P, extra=[attribute(OTC, struct.pack(">I", 65109), 0xC0)])
    provider.announce(Q)
    inside.expect_route(Q)
    path(t, P, "p0", verdict="rejected", reason="route leak by OTC")
    inside.announce(R, next_hop=t.peers[1].address4, extra=[attribute(OTC, struct.pack(">I", 65109), 0xC0)])
    neighbor(t, R, "p2", "withheld", "it would be a leak: OTC, and the neighbor is no customer (RFC 9234)")
    shown = path(t, Q, "p2", verdict="best")["route"]
    expect(shown["onlyToCustomer"] == t.peers[2].asn, "OTC of the provider", shown)


@told("RFC 9494 §4.3: a route kept as a last resort is shown so, and withheld from neighbours that do not know what that is",
      Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, communities=["65535:6"])
    neighbor(t, P, "p1", "withheld", "its sender has been away for long, and this neighbor does not know what that means (RFC 9494)")
    expect(path(t, P, "p0")["route"]["stale"] == "long-lived", "long-lived", path(t, P, "p0"))


@told("RFC 4724 §4.2: routes of a neighbour that restarts are explained as stale", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.up(0, also=[graceful(0, 30, [(IPV4, 0x80)])]), t.up(1)
    sender.announce(P)
    observer.expect_route(P)
    sender.close()
    expect(until(lambda: path(t, P, "p0")["route"].get("stale") == "stale"), "a stale route", path(t, P, "p0"))
    neighbor(t, P, "p0", "down", "there is no session")
    neighbor(t, P, "p1", "announced")


@told("RFC 8654 §4: a route that is too long for a neighbour, and a family that the session lacks, are explained",
      Neighbor(families=("ipv4", "ipv6"), extended_messages=True), Neighbor(), Neighbor(families=("ipv4", "ipv6")))
def _(t):
    sender, short = t.up(0, also=[capability(6)]), t.up(1)
    partial = t.up(2, capabilities=[mp(1, 1), capability(2), as4(t.peers[2].asn)])
    sender.announce(P, communities=[f"65101:{number}" for number in range(1100)])
    sender.announce6(P6)
    neighbor(t, P, "p1", "withheld", "no next hop to send it with, or too long for a message")
    neighbor(t, P6, "p2", "down", "the session does not have the family")
    partial.expect_alive()


@told("RFC 4271 §9.1.2.2: each step of the decision names itself, both values and the rival",
      Neighbor(internal=True, rr_client=True, aigp=True), Neighbor(internal=True, rr_client=True, aigp=True), statics=["198.18.9.0/24"],
      recursive=[("192.0.2.10/32", "10.{w.host}.0.11", 10), ("192.0.2.20/32", "10.{w.host}.0.11", 20)])
def _(t):
    first, second = t.all_up()
    steps = [
        ("LOCAL_PREF", "200 against 100 of p1", dict(local_pref=200), {}),
        ("AS_PATH length", "1 against 2 of p1", dict(path=[65201]), dict(path=[65202, 65203])),
        ("ORIGIN", "IGP against EGP of p1", {}, dict(origin=1)),
        ("MED", "1 against 2 of p1", dict(path=[65201], med=1), dict(path=[65201], med=2)),
        ("IGP metric of the next hop", "10 against 20 of p1", dict(next_hop="192.0.2.10"), dict(next_hop="192.0.2.20")),
        ("router id", "10.0.0.8 against 10.0.0.9 of p1", dict(originator="10.0.0.8"), dict(originator="10.0.0.9")),
        ("CLUSTER_LIST length", "1 against 2 of p1", dict(originator="10.0.0.8", clusters=["10.0.0.1"]),
         dict(originator="10.0.0.8", clusters=["10.0.0.1", "10.0.0.2"])),
        ("address of the neighbor", f"{t.peers[0].address4} against {t.peers[1].address4} of p1",
         dict(originator="10.0.0.8"), dict(originator="10.0.0.8")),
    ]
    for number, (step, values, better, worse) in enumerate(steps):
        prefix = f"203.0.{number}.0/24"
        hop = dict(next_hop=t.peers[0].address4)
        first.announce(prefix, **{**hop, **better})
        second.announce(prefix, **{**hop, **worse})
        said = path(t, prefix, "p0", verdict="best", step=step, rival="p1")
        expect(said["reason"] == f"{step}: {values}", f"{step}: {values}", said)
        path(t, prefix, "p1", step=step, rival="p0")
        neighbor(t, prefix, "p0", "announced" if step == "never" else "withheld")
    metric = [attribute(AIGP, b"\1\0\13" + struct.pack(">Q", n), 0x80) for n in (5, 6)]
    for peer, extra in zip((first, second), metric):
        peer.announce(R, next_hop=t.peers[0].address4, extra=[extra])
    said = path(t, R, "p0", verdict="best", rival="p1")
    expect(said["step"] == "AIGP with the metric to the next hop", "AIGP", said)
    expect(said["route"]["aigp"] == 5, "the metric", said)
    first.announce("198.18.9.0/24")
    said = path(t, "198.18.9.0/24", "p0", verdict="lost", rival="sipv4")
    expect(said["reason"] == "preference: 100 against 200 of sipv4", "preference", said)


@told("RFC 4271 §9.1.2.2: eBGP before iBGP, and the rest of the paths lose against the best one",
      Neighbor(), Neighbor(internal=True), Neighbor())
def _(t):
    outside, inside, other = t.all_up()
    inside.announce(P, path=[65101])
    outside.announce(P)
    said = path(t, P, "p0", verdict="best", step="eBGP before iBGP", rival="p1")
    expect(said["reason"] == "eBGP before iBGP: eBGP against iBGP of p1", "both values", said)
    neighbor(t, P, "p2", "announced", "others come before it")
    inside.withdraw(P)
    expect(until(lambda: len(explained(t, P)["paths"]) == 1), "one path", explained(t, P))
    path(t, P, "p0", verdict="best", reason="the only one that can be used")


KERNEL = """protocol kernel k4 { ipv4 { import none; export filter {
  if net = 192.0.2.0/24 then krt_prefsrc = 10.99.99.99;
  if net = 198.18.7.0/24 then reject;
  accept; }; }; }"""


@told("RFC 4271 §9.1.3: what the kernel has, and what it refuses or another program's route keeps out, is told apart",
      config=Config(Neighbor(), statics=[Q, "198.18.7.0/24"], raw={"martlet": KERNEL}))
def _(t):
    t.worker.enter("ip", "route", "add", "blackhole", "198.18.8.0/24", "metric", "32", "proto", "99")
    try:
        sender = t.up()
        sender.announce([R, "198.18.8.0/24"])

        def state(prefix, wanted):
            found = {}

            def good():
                found["it"] = next((e for e in explained(t, prefix)["exports"] if e["name"] == "k4"), None)
                return found["it"] and found["it"]["state"] == wanted
            expect(until(good, 8), f"{prefix} {wanted}", found["it"])
            return [r["reason"] for r in found["it"]["reasons"]]

        state(Q, "present")
        expect(state("198.18.7.0/24", "withheld") == ["rejected by the export policy"], "the policy", "another reason")
        reasons = state("198.18.8.0/24", "blocked")
        expect(reasons == ["a route of another program has its destination and metric"], "the other program", reasons)
        reasons = state(R, "refused")
        expect(reasons and reasons[0], "the kernel's words", reasons)
    finally:
        t.worker.enter("ip", "route", "del", "blackhole", "198.18.8.0/24", "metric", "32")


group("What is shown")


@told("RFC 4271 §4.5: the last NOTIFICATION of either direction is shown with code and data after attempts to connect have failed",
      Neighbor(passive=False, timers="error wait time 1, 1; connect delay time 1; connect retry time 1;"))
def _(t):
    peer = t.up()
    peer.send(notification(6, 2, b"\5later"))
    peer.expect_closed()

    def shown():
        return json.loads(t.dut.bgpctl("show", "neighbors", "p0", "--json"))
    expect(until(lambda: shown().get("lastError", {}).get("direction") == "local", 6),
           "an attempt to connect that failed", shown())
    last = shown().get("lastNotificationReceived")
    expect(last and (last["code"], last["subcode"], last["data"]) == (6, 2, "056c61746572"), "6/2 later", last)
    expect("later" in last["text"], "the words", last)
    expect(shown().get("lastNotificationSent") is None, "none sent", shown())
    peer = t.up()
    peer.send(message(9))
    peer.expect_notification(1, 3)
    expect(until(lambda: shown().get("lastError", {}).get("direction") == "local", 6),
           "another attempt that failed", shown())
    sent = shown()["lastNotificationSent"]
    expect((sent["code"], sent["subcode"], sent["data"]) == (1, 3, "09"), "1/3 with the type", sent)
    expect(shown()["lastNotificationReceived"] == last, "the one received before", shown())
    text = t.dut.bgpctl("show", "neighbors", "p0")
    expect("NOTIFICATION sent:" in text and "(1/3)" in text and "(6/2)" in text, "both in words", text)


@told("RFC 4271 §10: what is left of the session's timers is shown, in words and as numbers", Neighbor(hold=30), Neighbor(passive=False))
def _(t):
    t.up()

    def shown(name):
        return json.loads(t.dut.bgpctl("show", "neighbors", name, "--json"))
    expect(until(lambda: shown("p0").get("timers", {}).get("hold")), "a hold timer", shown("p0"))
    timers = shown("p0")["timers"]
    expect(25 < timers["hold"] <= 30 and 0 < timers["keepalive"] <= 10 and timers["sendHold"] > 400, "30, 10, 480", timers)
    text = t.dut.bgpctl("show", "neighbors", "p0")
    expect("hold 30 s (" in text and "keepalive 10 s (" in text and "send hold 480 s (" in text and "s left)" in text, "timers", text)
    expect(until(lambda: shown("p1")["state"] == "Active" and shown("p1")["timers"].get("connectRetry") is not None),
           "the next attempt", shown("p1"))
    expect("next attempt in" in t.dut.bgpctl("show", "neighbors", "p1"), "the next attempt", t.dut.bgpctl("show", "neighbors", "p1"))
    t.dut.shut_down(t.peers[0])
    expect("hold" not in shown("p0")["timers"], "none without a session", shown("p0"))


@told("RFC 4271 §5: every attribute that came is shown, known or not", Neighbor(internal=True, aigp=True))
def _(t):
    sender = t.up()
    sender.announce(P, path=[65201], med=3, local_pref=7, communities=["65000:1"], large=["1:2:3"],
                    ext=["0002fde800000007"], originator="10.0.0.8", clusters=["10.0.0.9"], extra=[
                        attribute(6, b"", 0x40), attribute(7, struct.pack(">I4s", 65201, b"\x0a\0\0\x05"), 0xC0),
                        attribute(AIGP, b"\1\0\13" + struct.pack(">Q", 2 ** 40), 0x80),
                        attribute(OTC, struct.pack(">I", 65109), 0xC0), attribute(99, b"\xAB\xCD", 0xE0)])
    wanted = dict(asPath=[65201], med=3, localPref=7, communities=["65000:1"], largeCommunities=["1:2:3"],
                  extendedCommunities=["rt:65000:7"], originatorID="10.0.0.8", clusterList=["10.0.0.9"], origin="igp",
                  nextHop=t.peers[0].address4, atomicAggregate=True, aggregator={"as": 65201, "id": "10.0.0.5"},
                  aigp=2 ** 40, onlyToCustomer=65109,
                  otherAttributes=[{"type": 99, "name": "attribute 99", "partial": True, "value": "abcd"}])
    found = {}

    def good():
        lines = t.dut.bgpctl("show", "routes", P, "--json").splitlines()
        found["it"] = json.loads(lines[0]) if lines else {}
        return found["it"]
    expect(until(good), "the route", "none")
    wrong = {key: found["it"].get(key) for key, value in wanted.items() if found["it"].get(key) != value}
    expect(not wrong, "all attributes", wrong)
    text = t.dut.bgpctl("show", "routes", P, "--attributes")
    for line in (f"AIGP: {2 ** 40}", "ONLY_TO_CUSTOMER: AS65109", "AGGREGATOR: AS65201 10.0.0.5", "ATOMIC_AGGREGATE:",
                 "attribute 99 (99): 0xabcd [partial]", "CLUSTER_LIST: 10.0.0.9", "LARGE_COMMUNITY: 1:2:3"):
        expect(line in text, line, text)
