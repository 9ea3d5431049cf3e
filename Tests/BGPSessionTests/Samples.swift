import BGPSession
import BGPWire
import IPAddressing

/// A configuration with distinct timer values, without connect delay.
func sampleConfiguration(
    localAS: ASNumber = 64_512,
    remoteAS: SessionConfiguration.RemoteAS = .exactly(64_513),
    identifier: UInt32 = 0x0A00_0001
) -> SessionConfiguration {
    var configuration = SessionConfiguration(
        localAS: localAS,
        remoteAS: remoteAS,
        localIdentifier: RouterID(rawValue: identifier)
    )
    configuration.holdTime = 90
    configuration.connectDelay = .zero
    configuration.connectRetryTime = .seconds(121)
    return configuration
}

/// The OPEN of the sample's peer.
func sampleOpen(
    localAS: ASNumber = 64_513,
    holdTime: UInt16 = 30,
    identifier: UInt32 = 0x0A00_0002,
    capabilities: [Capability] = [.multiprotocol(.ipv4Unicast)]
) -> Open {
    Open(localAS: localAS, holdTime: holdTime, identifier: RouterID(rawValue: identifier), capabilities: capabilities)
}

/// What the sample and its peer agree on.
func sampleSession(_ configuration: SessionConfiguration, holdTime: UInt16 = 30) throws -> NegotiatedSession {
    try configuration.negotiate(local: configuration.localOpen(), peer: sampleOpen(holdTime: holdTime))
}
