"""A BGP peer that does what a check tells it to, right or wrong, and notes all that the daemon under test sends."""
import ipaddress
import socket
import struct
import threading
import time

from wire import *
import wire

PATIENCE = 4.0      # seconds until something that has to come must be there
GRACE = 0.15        # for what follows at once, but not in the same message


class Failed(Exception):
    """A check's expectation was not met."""


def fail(expected, seen):
    raise Failed(f"expected {expected}; seen: {seen}")


def expect(condition, expected, seen):
    if not condition:
        fail(expected, seen)


def until(condition, patience=PATIENCE, step=0.02):
    """Waits for a condition that no message announces; false when the patience is over."""
    end = time.monotonic() + patience
    while True:
        if condition():
            return True
        if time.monotonic() > end:
            return False
        time.sleep(step)


class Session:
    """One TCP connection with the daemon. A thread reads; checks wait for what it has read."""

    def __init__(self, sock, neighbor):
        self.sock, self.neighbor = sock, neighbor
        self.began = time.monotonic()
        self.changed = threading.Condition()
        self.messages = []                       # (time, type, body)
        self.events = []                         # texts, for reports
        self.open = None                         # the daemon's OPEN
        self.sent_open = None                    # ours, as it would be read
        self.rib = {}                            # (family, prefix, path id) -> Route
        self.updates = []                        # every UPDATE in order
        self.ends_of_rib = []
        self.refreshes = []                      # (family, subtype, octets behind)
        self.notification = None                 # (code, subcode, data)
        self.closed = None                       # when and how it was closed
        self.violation = None
        self.answers_keepalives = True
        self.reads = threading.Event()
        self.reads.set()
        self.width, self.path_ids = 2, set()
        self.keepalive_every = None
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.writing = threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()

    # ------------------------------------------------------------------------------------------------ reading

    def _note(self, **changes):
        with self.changed:
            for name, value in changes.items():
                setattr(self, name, value)
            self.changed.notify_all()

    def _read(self):
        pending = b""
        while True:
            self.reads.wait()
            try:
                chunk = self.sock.recv(65536)
            except OSError as error:
                return self._note(closed=(time.monotonic(), type(error).__name__))
            if not chunk:
                return self._note(closed=(time.monotonic(), "closed"))
            pending += chunk
            while len(pending) >= 19:
                size = int.from_bytes(pending[16:18], "big")
                limit = 65535 if self.extended_messages else 4096
                if pending[:16] != MARKER or not 19 <= size <= limit:
                    return self._note(violation=f"a message header {pending[:19].hex()}",
                                      closed=(time.monotonic(), "not BGP"))
                if len(pending) < size:
                    break
                try:
                    with self.changed:
                        self._take(pending[18], pending[19:size])
                        self.changed.notify_all()
                except Malformed as error:
                    self._note(violation=f"{error} in {pending[:min(size, 200)].hex()}")
                except OSError:
                    pass
                pending = pending[size:]

    extended_messages = False

    def _take(self, kind, body):
        now = time.monotonic()
        self.messages.append((now, kind, body))
        if kind == OPEN:
            self.open = Open(body)
            self._agree()
            self.events.append("OPEN")
        elif kind == KEEPALIVE:
            if body:
                raise Malformed("a KEEPALIVE with a body")
            if self.answers_keepalives:
                self.send(KEEPALIVE_MESSAGE)
        elif kind == NOTIFICATION:
            if len(body) < 2:
                raise Malformed("a NOTIFICATION without code and subcode")
            if self.notification is None:
                self.notification = (body[0], body[1], body[2:])
            self.events.append(f"NOTIFICATION {body[0]}/{body[1]} {body[2:40].hex()}".strip())
        elif kind == REFRESH:
            if len(body) < 4:
                raise Malformed(f"a ROUTE-REFRESH of {len(body)} octets")
            self.refreshes.append(((int.from_bytes(body[:2], "big"), body[3]), body[2], body[4:], len(self.updates)))
            self.events.append(f"ROUTE-REFRESH {body.hex()}")
        elif kind == UPDATE:
            update = Update(body, self.width, self.path_ids)
            update.when, update.raw = now, body
            self.updates.append(update)
            for key in update.withdrawn:
                self.rib.pop(key, None)
            for key in update.announced:
                self.rib[key] = Route(update.attributes, update.next_hop, now, body)
            if update.end_of_rib:
                self.ends_of_rib.append((update.end_of_rib, now, len(self.updates)))
        else:
            raise Malformed(f"a message of type {kind}")

    def _agree(self):
        """What both OPENs say together about the encoding."""
        if self.open is None or self.sent_open is None:
            return
        ours, theirs = self.sent_open, self.open
        self.width = 4 if ours.value(65) and theirs.value(65) else 2
        self.extended_messages = ours.value(6) is not None and theirs.value(6) is not None

        def modes(side):
            result = {}
            for value in side.values(69):
                for i in range(0, len(value) - 3, 4):
                    result.setdefault((int.from_bytes(value[i:i + 2], "big"), value[i + 2]), value[i + 3])
            return result

        our, their = modes(ours), modes(theirs)
        self.path_ids = {f for f in our if our[f] in (1, 3) and their.get(f) in (2, 3)}
        self.sent_path_ids = {f for f in our if our[f] in (2, 3) and their.get(f) in (1, 3)}

    sent_path_ids = frozenset()

    @property
    def story(self):
        """What was seen on this connection, for reports."""
        parts = self.events[-6:] or ["nothing"]
        if self.updates:
            parts = parts + [f"{len(self.updates)} UPDATEs"]
        if self.closed:
            parts = parts + [self.closed[1]]
        return ", ".join(parts)

    # ------------------------------------------------------------------------------------------------ sending

    def send(self, *octets):
        with self.writing:
            self.sock.sendall(b"".join(octets))

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()

    def reset(self):
        """Ends the connection with a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # shutdown() wakes the reader, which holds the descriptor, and would send FIN; close() alone would not wake it.
        # A linger of zero with disconnect semantics: connect to AF_UNSPEC aborts the connection at once.
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        libc.connect(self.sock.fileno(), struct.pack("H14x", socket.AF_UNSPEC), 16)

    def send_open(self, body=None, **changes):
        """Our OPEN, with the neighbour's usual contents unless told otherwise."""
        if body is None:
            body = self.neighbor.open_body(**changes)
        try:
            self.sent_open = Open(body)
        except Malformed:
            self.sent_open = None
        with self.changed:
            self._agree()
        self.send(message(OPEN, body))

    def start_keepalives(self, every):
        """Keeps the session alive whatever the daemon sends."""
        self.keepalive_every = every

        def run():
            while not self.closed and self.keepalive_every:
                time.sleep(self.keepalive_every)
                try:
                    if self.keepalive_every:
                        self.send(KEEPALIVE_MESSAGE)
                except OSError:
                    return
        threading.Thread(target=run, daemon=True).start()

    # ------------------------------------------------------------------------------------------------ waiting

    def wait(self, condition, patience=PATIENCE):
        """Waits until the condition holds or the patience is over; says whether it holds."""
        end = time.monotonic() + patience
        with self.changed:
            while not condition():
                rest = end - time.monotonic()
                if rest <= 0:
                    return False
                self.changed.wait(rest)
            return True

    def expect(self, condition, expected, patience=PATIENCE):
        if not self.wait(condition, patience):
            fail(expected, self.story)

    def quiet(self, seconds=GRACE):
        """Lets time pass; ends early when the connection does."""
        self.wait(lambda: self.closed, seconds)

    def expect_open(self, patience=PATIENCE):
        self.expect(lambda: self.open or self.closed, "an OPEN", patience)
        if not self.open:
            fail("an OPEN", self.story)
        return self.open

    def count(self, kind):
        return sum(1 for _, number, _ in self.messages if number == kind)

    def expect_keepalive(self, count=1, patience=PATIENCE):
        self.expect(lambda: self.count(KEEPALIVE) >= count or self.closed, "a KEEPALIVE", patience)
        if self.count(KEEPALIVE) < count:
            fail("a KEEPALIVE", self.story)

    def expect_notification(self, code, subcode=None, data=None, patience=PATIENCE, closes=True):
        """A NOTIFICATION with this code; `subcode` and `data` may be a value or a tuple of allowed ones."""
        wanted = f"NOTIFICATION {code}/{'any' if subcode is None else subcode}"
        wanted += "" if data is None else f" with data {data if isinstance(data, tuple) else data.hex() or 'none'}"
        self.expect(lambda: self.notification or self.closed, wanted, patience)
        seen = self.notification
        if seen is None:
            fail(wanted, self.story)

        def matches(value, allowed):
            return allowed is None or (value in allowed if isinstance(allowed, tuple) else value == allowed)

        if seen[0] != code or not matches(seen[1], subcode) or not matches(seen[2], data):
            fail(wanted, self.story)
        if closes:
            self.expect_closed()
        return seen[2]

    def expect_closed(self, patience=PATIENCE):
        self.expect(lambda: self.closed, "the connection to be closed", patience)

    def expect_silent_close(self, patience=PATIENCE):
        """The connection ends without a NOTIFICATION."""
        self.expect_closed(patience)
        if self.notification:
            fail("the connection closed without NOTIFICATION", self.story)

    def expect_alive(self, seconds=GRACE):
        """Neither a NOTIFICATION nor an end of the connection."""
        self.wait(lambda: self.notification or self.closed, seconds)
        if self.notification or self.closed:
            fail("the session to stay up", self.story)

    # ------------------------------------------------------------------------------------------------ sessions

    def establish(self, patience=PATIENCE, **changes):
        """Exchanges OPENs and KEEPALIVEs."""
        self.send_open(**changes)
        self.expect_open(patience)
        self.send(KEEPALIVE_MESSAGE)
        self.expect_keepalive(patience=patience)
        hold = min(self.open.hold, self.sent_open.hold if self.sent_open else self.open.hold)
        if hold and self.answers_keepalives:
            self.start_keepalives(max(hold / 3, 0.5))
        return self

    def expect_end_of_rib(self, family=IPV4, count=1, patience=PATIENCE):
        self.expect(lambda: sum(1 for f, _, _ in self.ends_of_rib if f == family) >= count, "End-of-RIB", patience)

    # ------------------------------------------------------------------------------------------------ routes

    def attributes(self, path=None, next_hop=None, origin=0, med=None, local_pref=None, communities=None, large=None,
                   ext=None, originator=None, clusters=None, extra=(), omit=(), replace=None, mp=False):
        """Path attributes in ascending order as one octet string, those of a good route unless told otherwise.

        `replace` maps a type to the octets that stand in its place, `extra` are whole attributes besides.
        """
        neighbor = self.neighbor
        if path is None:
            path = [] if neighbor.internal else [neighbor.asn]
        items = {ORIGIN: attribute(ORIGIN, bytes([origin])),
                 AS_PATH: attribute(AS_PATH, wire.as_path(path, self.width))}
        if not mp:
            hop = ipaddress.IPv4Address(next_hop or neighbor.address4)
            items[NEXT_HOP] = attribute(NEXT_HOP, hop.packed)
        if med is not None:
            items[MED] = attribute(MED, struct.pack(">I", med))
        if local_pref is None and neighbor.internal:
            local_pref = 100
        if local_pref is not None:
            items[LOCAL_PREF] = attribute(LOCAL_PREF, struct.pack(">I", local_pref))
        if communities:
            items[COMMUNITIES] = attribute(COMMUNITIES, b"".join(community(c) for c in communities))
        if originator:
            items[ORIGINATOR] = attribute(ORIGINATOR, ipaddress.IPv4Address(originator).packed)
        if clusters:
            items[CLUSTER_LIST] = attribute(CLUSTER_LIST, b"".join(ipaddress.IPv4Address(c).packed for c in clusters))
        if ext:
            items[EXT_COMMUNITIES] = attribute(EXT_COMMUNITIES, b"".join(bytes.fromhex(c) for c in ext))
        if large:
            items[LARGE_COMMUNITIES] = attribute(LARGE_COMMUNITIES, b"".join(wire.large(c) for c in large))
        for octets in extra:
            items.setdefault(octets[1], b"")
            items[octets[1]] += octets
        items.update(replace or {})
        for kind in omit:
            items.pop(kind, None)
        return b"".join(items[kind] for kind in sorted(items))

    def nlri(self, prefixes, path_id=None, family=IPV4):
        if isinstance(prefixes, str):
            prefixes = [prefixes]
        if path_id is None and family in self.sent_path_ids:
            path_id = 1
        return b"".join(prefix(p, path_id) for p in prefixes)

    def announce(self, prefixes, path_id=None, **attributes):
        """Announces IPv4 prefixes."""
        self.send(update(self.nlri(prefixes, path_id), self.attributes(**attributes)))

    def withdraw(self, prefixes, path_id=None):
        self.send(update(withdrawn=self.nlri(prefixes, path_id)))

    def announce6(self, prefixes, next_hop=None, path_id=None, family=IPV6, reach=None, **attributes):
        """Announces prefixes with MP_REACH_NLRI; `next_hop` are octets or an address."""
        hop = next_hop if isinstance(next_hop, bytes) else \
            ipaddress.ip_address(next_hop or self.neighbor.address6).packed
        reach = mp_reach(family, hop, self.nlri(prefixes, path_id, family)) if reach is None else reach
        block = self.attributes(mp=True, extra=[attribute(MP_REACH, reach), *attributes.pop("extra", ())], **attributes)
        self.send(update(attributes=block))

    def withdraw6(self, prefixes, path_id=None, family=IPV6):
        self.send(update(attributes=attribute(MP_UNREACH, mp_unreach(family, self.nlri(prefixes, path_id, family)))))

    def end_of_rib(self, family=IPV4):
        self.send(update() if family == IPV4 else update(attributes=attribute(MP_UNREACH, mp_unreach(family))))

    def find(self, text, family=None):
        """Routes of a prefix by path identifier."""
        family = family or (IPV6 if ":" in text else IPV4)
        return {key[2]: route for key, route in list(self.rib.items()) if key[:2] == (family, text)}

    def route(self, text):
        """The route announced for a prefix, or none."""
        routes = self.find(text)
        return next(iter(routes.values()), None)

    def expect_route(self, text, condition=None, expected=None, patience=PATIENCE):
        """The daemon announces the prefix, with a route for which the condition holds; the route."""
        def good():
            route = self.route(text)
            return route is not None and (condition is None or condition(route))
        if not self.wait(good, patience):
            route = self.route(text)
            wanted = expected or ("another route" if condition else "a route")
            fail(f"{text}: {wanted}", f"{text} {route}" if route else f"no {text}; {self.story}")
        return self.route(text)

    def expect_no_route(self, text, patience=PATIENCE):
        """The prefix is withdrawn, or was never there."""
        if not self.wait(lambda: self.route(text) is None, patience):
            fail(f"no {text}", f"{text} {self.route(text)}")
