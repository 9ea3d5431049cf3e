private let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

/// Decodes base64 with padding (RFC 4648 §4), skipping white space; nil when malformed.
public func decodeBase64(_ text: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    var accumulator: UInt32 = 0
    var digits = 0
    var padding = 0
    for byte in text.utf8 {
        let value: UInt8
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = byte - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): value = byte - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): value = byte - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): value = 62
        case UInt8(ascii: "/"): value = 63
        case UInt8(ascii: "="):
            padding += 1
            guard padding <= 2 else { return nil }
            continue
        case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"): continue
        default: return nil
        }
        guard padding == 0 else { return nil }
        accumulator = accumulator << 6 | UInt32(value)
        digits += 1
        if digits == 4 {
            for shift in [16, 8, 0] as [UInt32] { bytes.append(UInt8(truncatingIfNeeded: accumulator >> shift)) }
            accumulator = 0
            digits = 0
        }
    }
    switch (digits, padding) {
    case (0, 0): break
    case (2, 2) where accumulator & 0xF == 0:
        bytes.append(UInt8(truncatingIfNeeded: accumulator >> 4))
    case (3, 1) where accumulator & 0x3 == 0:
        bytes.append(UInt8(truncatingIfNeeded: accumulator >> 10))
        bytes.append(UInt8(truncatingIfNeeded: accumulator >> 2))
    default: return nil
    }
    return bytes
}

/// Encodes `bytes` as base64 with padding on one line (RFC 4648 §4).
public func encodeBase64(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    var index = 0
    while index < bytes.count {
        let count = min(3, bytes.count - index)
        var group: UInt32 = 0
        for offset in 0..<3 { group = group << 8 | UInt32(offset < count ? bytes[index + offset] : 0) }
        for digit in 0..<4 {
            let value = Int(group >> UInt32(18 - 6 * digit) & 63)
            text.append(digit <= count ? alphabet[value] : UInt8(ascii: "="))
        }
        index += 3
    }
    return String(decoding: text, as: UTF8.self)
}
