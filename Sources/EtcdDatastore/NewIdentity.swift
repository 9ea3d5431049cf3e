import Glibc
import Resources

/// `uid` and `creationTimestamp` of a new object, which Calico's tools expect in what is stored.
func newIdentity() -> [ManifestValue.Field] {
    [
        ManifestValue.Field("uid", ManifestValue(.string(randomUUID()))),
        ManifestValue.Field("creationTimestamp", ManifestValue(.string(timestamp(time(nil))))),
    ]
}

/// A random UUID (RFC 9562, version 4).
func randomUUID() -> String {
    var octets = (0..<16).map { _ in UInt8.random(in: .min ... .max) }
    octets[6] = octets[6] & 0x0F | 0x40
    octets[8] = octets[8] & 0x3F | 0x80
    var text = ""
    for (index, octet) in octets.enumerated() {
        if [4, 6, 8, 10].contains(index) { text += "-" }
        text += (octet < 16 ? "0" : "") + String(octet, radix: 16)
    }
    return text
}

/// A time as RFC 3339 in UTC.
func timestamp(_ seconds: time_t) -> String {
    var seconds = seconds
    var parts = tm()
    gmtime_r(&seconds, &parts)
    var buffer = [CChar](repeating: 0, count: 32)
    let count = strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%SZ", &parts)
    return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
