internal import Foundation
internal import IPAddressing

extension WorkloadPeer {
    /// Largest status file that is read, in bytes.
    private static let largestFile = 64 << 10

    /// What felix writes about one endpoint.
    private struct Status: Decodable {
        var ipv4Nets: [String]?
        var ipv6Nets: [String]?
        var bgpPeerName: String?
    }

    /// Reads the files below `endpoint-status`; one that cannot be read, or is about no BGP neighbour, counts as absent.
    static func read(prefix: String) -> [WorkloadPeer] {
        let directory = prefix + "/endpoint-status"
        let names = (try? FileTree.names(in: directory)) ?? []
        return names.filter { !$0.hasPrefix(".") }.sorted().compactMap { name in
            (try? FileTree.read(directory + "/" + name, limit: Self.largestFile)).flatMap { WorkloadPeer(status: $0) }
        }
    }

    /// Reads a status file; nil when it is none, or about no BGP neighbour.
    init?(status octets: [UInt8]) {
        guard let status = try? JSONDecoder().decode(Status.self, from: Data(octets)),
            let peer = status.bgpPeerName, !peer.isEmpty
        else { return nil }
        let texts = (status.ipv4Nets ?? []) + (status.ipv6Nets ?? [])
        self.init(peerName: peer, addresses: texts.compactMap { IPPrefix($0)?.address ?? IPAddress($0) })
    }
}
