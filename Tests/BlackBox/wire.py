"""BGP messages as octets: building them, also wrong ones, and reading what the daemon sends.

Written from the RFCs and independent of the daemon's own codec: an error in one is not hidden by the same error in
the other.
"""
import ipaddress
import struct

OPEN, UPDATE, NOTIFICATION, KEEPALIVE, REFRESH = 1, 2, 3, 4, 5
MARKER = b"\xff" * 16
AS_TRANS = 23456

ORIGIN, AS_PATH, NEXT_HOP, MED, LOCAL_PREF, ATOMIC, AGGREGATOR, COMMUNITIES = 1, 2, 3, 4, 5, 6, 7, 8
ORIGINATOR, CLUSTER_LIST, MP_REACH, MP_UNREACH, EXT_COMMUNITIES = 9, 10, 14, 15, 16
AS4_PATH, AS4_AGGREGATOR, AIGP, LARGE_COMMUNITIES, OTC = 17, 18, 26, 32, 35
SET, SEQUENCE, CONFED_SEQUENCE, CONFED_SET = 1, 2, 3, 4

# Flags as each attribute is defined; everything else is optional and transitive unless a check says so.
FLAGS = {
    ORIGIN: 0x40, AS_PATH: 0x40, NEXT_HOP: 0x40, MED: 0x80, LOCAL_PREF: 0x40, ATOMIC: 0x40, ORIGINATOR: 0x80,
    CLUSTER_LIST: 0x80, MP_REACH: 0x80, MP_UNREACH: 0x80, AIGP: 0x80,
}

IPV4, IPV6 = (1, 1), (2, 1)
FAMILIES = {"ipv4": IPV4, "ipv6": IPV6}


# ---------------------------------------------------------------------------------------------------- building

def message(kind, body=b"", marker=MARKER, length=None):
    return marker + struct.pack(">HB", 19 + len(body) if length is None else length, kind) + body


KEEPALIVE_MESSAGE = message(KEEPALIVE)


def capability(code, value=b"", length=None):
    return bytes([code, len(value) if length is None else length]) + value


def mp(afi, safi=1):
    return capability(1, struct.pack(">HBB", afi, 0, safi))


def as4(number):
    return capability(65, struct.pack(">I", number))


def graceful(flags=0, time=0, families=()):
    value = struct.pack(">H", flags << 12 | time)
    for family, family_flags in families:
        value += struct.pack(">HBB", *family, family_flags)
    return capability(64, value)


def long_lived(families):
    value = b""
    for family, flags, time in families:
        value += struct.pack(">HBB", *family, flags) + time.to_bytes(3, "big")
    return capability(71, value)


def add_path(*entries):
    return capability(69, b"".join(struct.pack(">HBB", *family, mode) for family, mode in entries))


def parameter(kind, value, length=None):
    return bytes([kind, len(value) if length is None else length]) + value


def open_body(asn, hold=90, identifier="192.0.2.1", capabilities=(), version=4, my_as=None, parameters=None,
              length=None, extended=False):
    """The body of an OPEN; `parameters` replaces the optional parameters as octets, `length` their length octet."""
    field = my_as if my_as is not None else (asn if asn < 65536 else AS_TRANS)
    body = struct.pack(">BHH", version, field, hold) + ipaddress.IPv4Address(identifier).packed
    if extended:
        if parameters is None:
            value = b"".join(capabilities)
            parameters = b"\x02" + struct.pack(">H", len(value)) + value
        return body + bytes([255 if length is None else length, 255]) + struct.pack(">H", len(parameters)) + parameters
    if parameters is None:
        value = b"".join(capabilities)
        parameters = parameter(2, value) if value else b""
    return body + bytes([len(parameters) if length is None else length]) + parameters


def prefix(text, path_id=None):
    network = ipaddress.ip_network(text, strict=False)
    octets = (network.prefixlen + 7) // 8
    start = b"" if path_id is None else struct.pack(">I", path_id)
    return start + bytes([network.prefixlen]) + network.network_address.packed[:octets]


def attribute(kind, value=b"", flags=None, length=None, extended=None):
    """One path attribute; `length` lies about its length."""
    flags = FLAGS.get(kind, 0xC0) if flags is None else flags
    size = len(value) if length is None else length
    if extended or (extended is None and size > 255):
        return bytes([flags | 0x10, kind]) + struct.pack(">H", size) + value
    return bytes([flags, kind, size]) + value


def segment(kind, numbers, width=4):
    return bytes([kind, len(numbers)]) + b"".join(n.to_bytes(width, "big") for n in numbers)


def as_path(path, width=4):
    """The value of an AS_PATH; `path` is a list of numbers or of (segment type, numbers)."""
    if path and isinstance(path[0], int):
        path = [(SEQUENCE, path)]
    return b"".join(segment(kind, numbers, width) for kind, numbers in path)


def community(text):
    high, low = text.split(":")
    return struct.pack(">HH", int(high), int(low))


def large(text):
    return struct.pack(">III", *(int(part) for part in text.split(":")))


def mp_reach(family, next_hop, nlri, reserved=0, next_hop_length=None):
    return struct.pack(">HBB", *family, len(next_hop) if next_hop_length is None else next_hop_length) \
        + next_hop + bytes([reserved]) + nlri


def mp_unreach(family, nlri=b""):
    return struct.pack(">HB", *family) + nlri


def update(nlri=b"", attributes=b"", withdrawn=b"", withdrawn_length=None, attribute_length=None):
    body = struct.pack(">H", len(withdrawn) if withdrawn_length is None else withdrawn_length) + withdrawn
    body += struct.pack(">H", len(attributes) if attribute_length is None else attribute_length) + attributes
    return message(UPDATE, body + nlri)


def refresh(family=IPV4, subtype=0, extra=b""):
    return message(REFRESH, struct.pack(">HBB", family[0], subtype, family[1]) + extra)


def notification(code, subcode, data=b""):
    return message(NOTIFICATION, bytes([code, subcode]) + data)


# ---------------------------------------------------------------------------------------------------- reading

class Malformed(Exception):
    """The daemon sent something that no BGP speaker may send."""


class Open:
    """An OPEN as the daemon sent it."""

    def __init__(self, body):
        if len(body) < 10:
            raise Malformed(f"an OPEN body of {len(body)} octets")
        self.version, self.my_as, self.hold = struct.unpack(">BHH", body[:5])
        self.identifier = str(ipaddress.IPv4Address(body[5:9]))
        self.extended = len(body) > 10 and body[9] != 0 and body[10] == 255
        self.capabilities = []                   # (code, value)
        self.parameters = 0
        offset, header = (13, 3) if self.extended else (10, 2)
        total = struct.unpack(">H", body[11:13])[0] if self.extended else body[9]
        if offset + total != len(body):
            raise Malformed(f"the OPEN's optional parameters are {len(body) - offset} octets, said to be {total}")
        while offset < len(body):
            kind = body[offset]
            size = int.from_bytes(body[offset + 1:offset + header], "big")
            value = body[offset + header:offset + header + size]
            if len(value) != size or kind != 2:
                raise Malformed(f"optional parameter {kind} of {size} octets in {body.hex()}")
            self.parameters += 1
            self._capabilities(value)
            offset += header + size

    def _capabilities(self, value):
        while value:
            if len(value) < 2 or len(value) < 2 + value[1]:
                raise Malformed(f"a capability overruns its parameter: {value.hex()}")
            self.capabilities.append((value[0], value[2:2 + value[1]]))
            value = value[2 + value[1]:]

    def values(self, code):
        return [value for number, value in self.capabilities if number == code]

    def value(self, code):
        values = self.values(code)
        return values[0] if values else None

    @property
    def families(self):
        return [(int.from_bytes(v[:2], "big"), v[3]) for v in self.values(1)]

    @property
    def asn(self):
        four = self.value(65)
        return int.from_bytes(four, "big") if four else self.my_as


class Attributes(dict):
    """Attributes of an UPDATE: type to (flags, value), in the order in which they stood."""

    width = 4

    @classmethod
    def read(cls, octets, width):
        result, offset = cls(), 0
        result.width = width
        while offset < len(octets):
            if len(octets) - offset < 3:
                raise Malformed(f"{len(octets) - offset} octets left over in the attributes")
            flags, kind = octets[offset], octets[offset + 1]
            header = 4 if flags & 0x10 else 3
            size = int.from_bytes(octets[offset + 2:offset + header], "big")
            value = octets[offset + header:offset + header + size]
            if len(value) != size or len(octets) < offset + header:
                raise Malformed(f"attribute {kind} overruns the attributes")
            if kind in result:
                raise Malformed(f"attribute {kind} stands twice in one UPDATE")
            result[kind] = (flags, value)
            offset += header + size
        return result

    def value(self, kind):
        return self[kind][1] if kind in self else None

    def number(self, kind):
        value = self.value(kind)
        return None if value is None else int.from_bytes(value, "big")

    def _segments(self, kind, width):
        value, result = self.value(kind), []
        if value is None:
            return None
        while value:
            size = 2 + width * value[1] if len(value) > 1 else 0
            if size < 2 + width or len(value) < size or value[0] not in (1, 2, 3, 4):
                raise Malformed(f"AS path {self.value(kind).hex()}")
            numbers = [int.from_bytes(value[i:i + width], "big") for i in range(2, size, width)]
            result.append((value[0], numbers))
            value = value[size:]
        return result

    @property
    def segments(self):
        return self._segments(AS_PATH, self.width)

    @property
    def path(self):
        """AS numbers of all segments in a row."""
        segments = self.segments
        return None if segments is None else [number for _, numbers in segments for number in numbers]

    @property
    def as4_path(self):
        segments = self._segments(AS4_PATH, 4)
        return None if segments is None else [number for _, numbers in segments for number in numbers]

    @property
    def origin(self):
        return self.number(ORIGIN)

    @property
    def med(self):
        return self.number(MED)

    @property
    def local_pref(self):
        return self.number(LOCAL_PREF)

    def _list(self, kind, size, text):
        value = self.value(kind)
        if value is None:
            return None
        if not value or len(value) % size:
            raise Malformed(f"attribute {kind} of {len(value)} octets")
        return [text(value[i:i + size]) for i in range(0, len(value), size)]

    @property
    def communities(self):
        return self._list(COMMUNITIES, 4, lambda v: "%d:%d" % struct.unpack(">HH", v))

    @property
    def large_communities(self):
        return self._list(LARGE_COMMUNITIES, 12, lambda v: "%d:%d:%d" % struct.unpack(">III", v))

    @property
    def ext_communities(self):
        return self._list(EXT_COMMUNITIES, 8, lambda v: v.hex())

    @property
    def cluster_list(self):
        return self._list(CLUSTER_LIST, 4, lambda v: str(ipaddress.IPv4Address(v)))

    @property
    def originator(self):
        value = self.value(ORIGINATOR)
        return None if value is None else str(ipaddress.IPv4Address(value))


class Route:
    """What the daemon last announced for a prefix (and path identifier)."""

    def __init__(self, attributes, next_hop, when, raw):
        self.attributes, self.next_hop, self.when, self.raw = attributes, next_hop, when, raw

    def __getattr__(self, name):
        return getattr(self.attributes, name)

    def __str__(self):
        parts = [f"via {', '.join(self.next_hop)}"]
        for kind, (flags, value) in self.attributes.items():
            if kind not in (MP_REACH, NEXT_HOP):
                parts.append(f"{kind}/{flags:02x}={value.hex()}" if len(value) <= 64 else f"{kind}: {len(value)} octets")
        return " ".join(parts)


class Update:
    """A decoded UPDATE: announced and withdrawn as lists of (family, prefix, path id)."""

    def __init__(self, body, width, path_ids):
        if len(body) < 4:
            raise Malformed(f"an UPDATE body of {len(body)} octets")
        withdrawn = int.from_bytes(body[:2], "big")
        if 2 + withdrawn + 2 > len(body):
            raise Malformed("withdrawn routes overrun the UPDATE")
        size = int.from_bytes(body[2 + withdrawn:4 + withdrawn], "big")
        if 4 + withdrawn + size > len(body):
            raise Malformed("attributes overrun the UPDATE")
        block = body[4 + withdrawn:4 + withdrawn + size]
        self.attributes = Attributes.read(block, width)
        nlri = body[4 + withdrawn + size:]
        self.announced, self.withdrawn, self.end_of_rib = [], [], None
        self.next_hop = []
        self.withdrawn += self._prefixes(IPV4, body[2:2 + withdrawn], IPV4 in path_ids)
        if nlri:
            hop = self.attributes.value(NEXT_HOP)
            if hop is None or len(hop) != 4:
                raise Malformed("NLRI without a NEXT_HOP of 4 octets")
            self.next_hop = [str(ipaddress.IPv4Address(hop))]
            self.announced += self._prefixes(IPV4, nlri, IPV4 in path_ids)
        self.family = IPV4
        reach, unreach = self.attributes.value(MP_REACH), self.attributes.value(MP_UNREACH)
        if unreach is not None:
            family = (int.from_bytes(unreach[:2], "big"), unreach[2])
            gone = self._prefixes(family, unreach[3:], family in path_ids)
            self.withdrawn += gone
            if not gone and reach is None and not nlri and not withdrawn and len(self.attributes) == 1:
                self.end_of_rib = family
        if reach is not None:
            family = (int.from_bytes(reach[:2], "big"), reach[2])
            hop = reach[4:4 + reach[3]]
            self.family = family
            self.next_hop = [str(ipaddress.ip_address(hop[i:i + (4 if len(hop) == 4 else 16)]))
                             for i in range(0, len(hop), 4 if len(hop) == 4 else 16)]
            self.announced += self._prefixes(family, reach[5 + len(hop):], family in path_ids)
        if len(body) == 4:
            self.end_of_rib = IPV4
        if self.announced:
            for kind in (ORIGIN, AS_PATH):
                if kind not in self.attributes:
                    raise Malformed(f"routes are announced without attribute {kind}")
            self.attributes.segments  # raises if it is malformed
        both = set(self.announced) & set(self.withdrawn)
        if both:
            raise Malformed(f"{both} is announced and withdrawn in one UPDATE")

    @staticmethod
    def _prefixes(family, octets, has_ids):
        result, bits = [], 32 if family[0] == 1 else 128
        while octets:
            path_id = None
            if has_ids:
                if len(octets) < 5:
                    raise Malformed("a truncated path identifier")
                path_id = int.from_bytes(octets[:4], "big")
                octets = octets[4:]
            length = octets[0]
            size = (length + 7) // 8
            if length > bits or len(octets) < 1 + size:
                raise Malformed(f"NLRI {octets.hex()}")
            value = int.from_bytes(octets[1:1 + size].ljust(bits // 8, b"\0"), "big")
            if length < bits and value & ((1 << bits - length) - 1):
                raise Malformed(f"a prefix with bits set behind its length: {octets[:1 + size].hex()}")
            address = ipaddress.IPv4Address(value) if bits == 32 else ipaddress.IPv6Address(value)
            result.append((family, f"{address}/{length}", path_id))
            octets = octets[1 + size:]
        return result
