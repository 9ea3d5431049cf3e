#!/usr/bin/env python3
"""What a reload costs: a speaker with many passive sessions reloads while one peer's fragment changes.

Needs root, iproute2 and the built programs. Everything happens in two network namespaces that the script makes and
removes; the other side of the sessions is a second speaker. Prints processor time of the reloading speaker, and fails
when a session that did not change was touched or the time is over the bound.

  run.py [--peers 1000] [--reloads 5] [--bound 0.5] [--bin .build/release]
"""
import argparse, json, os, shutil, signal, subprocess, sys, tempfile, time

TICK = os.sysconf("SC_CLK_TCK")


def sh(*argv, check=True, input=None):
    return subprocess.run(argv, check=check, input=input, text=True, capture_output=True).stdout


def address(i):
    return f"10.21.{i // 250}.{i % 250 + 1}"


def fragment(i, tag):
    return f"""protocol bgp m{i} from members {{
  description "Member {i}";
  neighbor {address(i)} as {100_000 + i};
  ipv4 {{
    import filter {{
      if ! acceptable() then reject;
      if bgp_path.first != {100_000 + i} then reject;
      if net !~ [ 20.{i // 250}.{i % 250}.0/24{{24,28}}, 203.0.113.0/24 ] then reject;
      bgp_large_community.add((64512, 1, {tag}));
      accept;
    }};
    export where (64512, 0, {i}) !~ bgp_large_community;
    import limit 1000 action restart;
  }};
}}
"""


ROOT = """router id 10.20.0.1;
protocol device {}
protocol static own { ipv4; route 198.51.100.0/26 blackhole; route 10.21.0.0/16 via 10.20.0.2; }
define BOGONS = [ 10.0.0.0/8+, 192.168.0.0/16+, 172.16.0.0/12+ ];
function acceptable() { if net ~ BOGONS then return false; if bgp_path.len > 64 then return false; return true; }
template bgp members { local 10.20.0.1 port 1790 as 64512; multihop; passive on; hold time 90; }
include "peers/*.conf";
"""


def other_side(n):
    head = "router id 10.21.0.1;\nprotocol device {}\nprotocol static own { ipv4; route 203.0.113.0/24 blackhole; }\n"
    return head + "".join(
        f"""protocol bgp m{i} {{
  local {address(i)} as {100_000 + i}; neighbor 10.20.0.1 port 1790 as 64512; multihop;
  hold time 90; connect delay time 0; connect retry time 2;
  ipv4 {{ import all; export where source = RTS_STATIC; next hop self; }};
}}
""" for i in range(n))


def cpu(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=int, default=1000)
    parser.add_argument("--reloads", type=int, default=5)
    parser.add_argument("--bound", type=float, default=0.5, help="seconds of processor time a reload may take")
    parser.add_argument("--bin", default=os.path.join(os.path.dirname(__file__), "../../.build/release"))
    options = parser.parse_args()
    binary, bgpctl = (os.path.join(options.bin, name) for name in ("martlet", "bgpctl"))
    folder = tempfile.mkdtemp(prefix="martlet-reload-")
    a, b = f"mrl{os.getpid()}a", f"mrl{os.getpid()}b"
    daemons = []
    try:
        for ns in (a, b):
            sh("ip", "netns", "add", ns)
            sh("ip", "-n", ns, "link", "set", "lo", "up")
        sh("ip", "link", "add", "eth1", "netns", a, "type", "veth", "peer", "name", "eth1", "netns", b)
        for ns, ip in ((a, "10.20.0.1/24"), (b, "10.20.0.2/24")):
            sh("ip", "-n", ns, "addr", "add", ip, "dev", "eth1")
            sh("ip", "-n", ns, "link", "set", "eth1", "up")
        sh("ip", "-n", a, "route", "add", "10.21.0.0/16", "via", "10.20.0.2")
        sh("ip", "-n", b, "-batch", "-",
           input="".join(f"addr add {address(i)}/32 dev lo\n" for i in range(options.peers)))
        os.makedirs(f"{folder}/peers")
        open(f"{folder}/speaker.conf", "w").write(ROOT)
        for i in range(options.peers):
            open(f"{folder}/peers/m{i:05}.conf", "w").write(fragment(i, 1))
        open(f"{folder}/other.conf", "w").write(other_side(options.peers))
        for ns, config in ((a, "speaker"), (b, "other")):
            log = open(f"{folder}/{config}.log", "w")
            os.makedirs(f"{folder}/{config}", mode=0o750)
            daemons.append(subprocess.Popen(
                ["ip", "netns", "exec", ns, binary, "speaker", "--config", f"{folder}/{config}.conf",
                 "--control-socket", f"{folder}/{config}/s.sock"], stdout=log, stderr=log))

        def ctl(*argv):
            return json.loads(sh(bgpctl, "--socket", f"{folder}/speaker/s.sock", "--json", *argv))

        deadline = time.time() + 180
        while True:
            if time.time() > deadline:
                sys.exit("the sessions did not come up: " + open(f"{folder}/speaker.log").read()[-2000:])
            time.sleep(1)
            try:
                neighbors = ctl("show", "neighbors")
            except (subprocess.CalledProcessError, json.JSONDecodeError):
                continue
            if all(n["state"] == "Established" and n["routes"]["accepted"] == 1 for n in neighbors) \
                    and sum(n["routes"]["exported"] for n in neighbors) == 3 * options.peers - 1:
                break
        pid, worst = daemons[0].pid, 0.0
        for round in range(options.reloads):
            changed = (round * 37 + options.peers // 2) % options.peers
            open(f"{folder}/peers/m{changed:05}.conf", "w").write(fragment(changed, 100 + round))
            before = {n["name"]: n for n in ctl("show", "neighbors")}
            start, wall = cpu(pid), time.time()
            result = ctl("reload")
            answered = time.time() - wall
            time.sleep(0.5)
            spent = cpu(pid) - start
            worst = max(worst, spent)
            touched = [c["protocol"] for c in result["changes"] if c["action"] != "unchanged"]
            after = {n["name"]: n for n in ctl("show", "neighbors")}
            disturbed = [
                name for name, old in before.items()
                if after[name]["establishedAt"] != old["establishedAt"]
                or after[name]["messages"]["sent"]["update"] != old["messages"]["sent"]["update"]]
            print(f"reload {round + 1}: changed {touched}, {spent:.2f} s of processor time, "
                  f"answered after {answered * 1000:.0f} ms, sessions disturbed: {len(disturbed)}")
            if touched != [f"m{changed}"] or disturbed:
                sys.exit("a session that did not change was touched: " + ", ".join(disturbed[:10]))
        print(f"{options.peers} peers: at most {worst:.2f} s of processor time a reload (bound {options.bound} s)")
        if worst >= options.bound:
            sys.exit(1)
    finally:
        for daemon in daemons:
            daemon.send_signal(signal.SIGTERM)
        for daemon in daemons:
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        for ns in (a, b):
            sh("ip", "netns", "del", ns, check=False)
        shutil.rmtree(folder, ignore_errors=True)


main()
