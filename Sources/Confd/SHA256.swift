internal import CCrypto

/// SHA-256 (FIPS 180-4) of byte strings.
enum SHA256 {
    /// The 32-byte digest of `bytes`.
    static func digest(of bytes: [UInt8]) -> [UInt8] {
        var output = [UInt8](repeating: 0, count: 32)
        // Both buffers live for the whole call and the output has the 32 bytes that the function writes.
        _ = bytes.withUnsafeBufferPointer { input in
            output.withUnsafeMutableBufferPointer { CCrypto.SHA256(input.baseAddress, input.count, $0.baseAddress) }
        }
        return output
    }

    /// The digest of the UTF-8 form of `text`.
    static func digest(of text: String) -> [UInt8] { self.digest(of: Array(text.utf8)) }
}

/// Identifies content; equal digests are taken to mean equal content.
public struct ContentDigest: Hashable, Sendable, CustomStringConvertible {
    /// SHA-256, 32 bytes.
    let bytes: [UInt8]

    /// Digests bytes.
    public init(of content: [UInt8]) {
        self.bytes = SHA256.digest(of: content)
    }

    /// Digests the UTF-8 form of a text.
    public init(of text: String) {
        self.bytes = SHA256.digest(of: text)
    }

    /// 64 lower-case hexadecimal digits.
    public var description: String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in self.bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}
