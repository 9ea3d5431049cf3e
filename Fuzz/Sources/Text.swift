import IPAddressing
import Resources

/// Feeds text to every parser of addresses, prefixes and numbers; what parses is printed and parsed again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzText(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let text = String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    if let address = IPAddress(text) {
        require(IPAddress(address.description) == address)
        require(address.hostPrefix.contains(address))
        require(IPAddress(text.dropFirst(0)) == address)
    }
    if let prefix = IPPrefix(text) {
        require(IPPrefix(strict: prefix.description) == prefix)
        require(prefix.contains(prefix) && prefix.contains(prefix.address))
        require(prefix.length <= (prefix.isIPv4 ? 32 : 128))
    } else {
        require(IPPrefix(strict: text) == nil)
    }
    if let value = AddressWithLength(text) {
        require(AddressWithLength(value.description) == value)
        require(value.network.contains(value.address))
    }
    if let number = ASNumber(text) { require(ASNumber(number.description) == number) }
    if let identifier = RouterID(text) { require(RouterID(identifier.description) == identifier) }
    if let address = MACAddress(text) { require(MACAddress(address.description) == address) }
    if let community = BGPConfiguration.CommunityValue(text) {
        require(BGPConfiguration.CommunityValue(community.description) == community)
    }
    return 0
}
