public import Resources

/// Something in the resources that the plan leaves out or treats differently from what its author may expect.
public struct PlanDiagnostic: Hashable, Sendable {
    /// The resource at fault; nil when it is the environment.
    public var resource: ResourceKey?
    /// What is wrong.
    public var reason: Reason

    /// Creates a diagnostic.
    public init(resource: ResourceKey?, reason: Reason) {
        self.resource = resource
        self.reason = reason
    }

    /// Causes.
    public enum Reason: Hashable, Sendable {
        /// A peer has both or neither of `peerIP` and `peerSelector`; it is skipped.
        case peerNeedsOneOfAddressAndSelector
        /// A peer has both `node` and `nodeSelector`; it is skipped.
        case peerHasNodeAndNodeSelector
        /// A peer has `asNumber` beside `peerSelector`; it is skipped.
        case asNumberWithPeerSelector
        /// `peerIP` is not an address a session can be made to; the peer is skipped.
        case unusablePeerAddress(String)
        /// `peerIP` is link-local: the resource has no interface to scope it; the peer is skipped.
        case linkLocalPeerAddress(String)
        /// `reachableBy` is of another family than `peerIP`, or stands without `peerIP`; the peer is skipped.
        case reachableByMismatch
        /// Another record already gave this session; the session of this resource is not made.
        case duplicateSession(name: String)
        /// The Secret or its key is missing; the session is not made.
        case missingSecret(session: String, secret: String, key: String)
        /// The password is empty, longer than 80 octets or has characters that a configuration file cannot hold; the
        /// session is not made.
        case unusablePassword(session: String, secret: String, key: String)
        /// The keepalive time is not between 1 and 240 seconds; the protocol's default is used.
        case keepaliveOutOfRange(UInt16)
        /// `CALICO_ROUTER_ID` is neither `hash` nor an identifier other than 0.0.0.0; the automatic rule is used.
        case malformedRouterID(String)
        /// A BGPConfiguration is neither `default` nor `node.<name>`; it is skipped.
        case unknownConfigurationName
        /// A route priority is outside 1 to 2147483646; 1024 is used.
        case priorityOutOfRange(UInt32)
        /// An `ignoredInterfaces` entry is no interface pattern; it is skipped.
        case malformedInterfacePattern(String)
        /// Encapsulated cluster routes are asked of the BGP speaker; it programs none, felix does.
        case encapsulatedRoutesNotProgrammed
        /// The routes of a class of pools are both felix's and the speaker's, or neither's, by `programClusterRoutes`.
        case routeOwnersDisagree(isIPIP: Bool, isOwnedTwice: Bool)
        /// Routes of pools without encapsulation are asked of felix, which programs none.
        case unencapsulatedRoutesNotProgrammed
        /// The normal route priority is not the same for the speaker and for felix.
        case prioritiesDiffer(isIPv4: Bool, speaker: UInt32, felix: UInt32)
        /// `asNumber` of the node or the configuration is 0; the default is used.
        case zeroASNumber
        /// A BGPFilter is not there; routes that no filter before it decides are rejected both ways.
        case missingFilter(session: String, filter: String)
        /// A peer has `localWorkloadSelector` beside another way to name its neighbours, or no AS; it is skipped.
        case unusableWorkloadPeer
        /// One session for both families is asked for, but each family has a speaker of its own; it gets one in each.
        case familiesSeparated
    }
}

extension PlanDiagnostic.Reason: CustomStringConvertible {
    /// One line for people; never contains a secret.
    public var description: String {
        switch self {
        case .peerNeedsOneOfAddressAndSelector: "exactly one of peerIP and peerSelector is needed; peer skipped"
        case .peerHasNodeAndNodeSelector: "node and nodeSelector exclude each other; peer skipped"
        case .asNumberWithPeerSelector: "asNumber must be absent with peerSelector; peer skipped"
        case .unusablePeerAddress(let address): "peerIP \(address) is no address of a neighbour; peer skipped"
        case .linkLocalPeerAddress(let address): "peerIP \(address) is link-local without interface; peer skipped"
        case .reachableByMismatch: "reachableBy needs a peerIP of its own family; peer skipped"
        case .duplicateSession(let name): "session \(name) exists already; not repeated"
        case .missingSecret(let session, let secret, let key):
            "password of session \(session): no key \(key) in Secret \(secret); session not made"
        case .unusablePassword(let session, let secret, let key):
            "password of session \(session): key \(key) in Secret \(secret) must be 1 to 80 octets of printable text"
                + " without quotes; session not made"
        case .keepaliveOutOfRange(let seconds): "keepaliveTime \(seconds) s is not below the hold time; default used"
        case .malformedRouterID(let text): "CALICO_ROUTER_ID \(text) is no router id; automatic rule used"
        case .unknownConfigurationName: "only default and node.<name> have a meaning; skipped"
        case .priorityOutOfRange(let value): "route priority \(value) is not within 1 to 2147483646; 1024 used"
        case .malformedInterfacePattern(let text): "ignoredInterfaces: \(text) is no interface pattern; entry skipped"
        case .encapsulatedRoutesNotProgrammed:
            "programClusterRoutes asks for IPIP routes from the BGP speaker; felix programs those"
        case .routeOwnersDisagree(let isIPIP, let isOwnedTwice):
            "programClusterRoutes here and of FelixConfiguration: routes of \(isIPIP ? "IPIP pools" : "pools without encapsulation") are "
                + (isOwnedTwice
                    ? "asked of both the BGP speaker and felix" : "asked of neither the BGP speaker nor felix")
        case .unencapsulatedRoutesNotProgrammed:
            "programClusterRoutes leaves routes of pools without encapsulation to felix, which does not write them yet"
        case .prioritiesDiffer(let isIPv4, let speaker, let felix):
            "ipv\(isIPv4 ? 4 : 6)NormalRoutePriority is \(speaker) here and \(felix) of FelixConfiguration; they must be the same"
        case .zeroASNumber: "asNumber 0 is reserved (RFC 7607); default used"
        case .missingFilter(let session, let filter):
            "session \(session): there is no BGPFilter \(filter); routes that no filter before it decides are rejected"
        case .familiesSeparated: "no session can carry both families: each has a speaker of its own"
        case .unusableWorkloadPeer:
            "localWorkloadSelector excludes peerIP and peerSelector and needs asNumber; peer skipped"
        }
    }
}

extension PlanDiagnostic: CustomStringConvertible {
    /// `Kind/name: reason`.
    public var description: String {
        guard let resource = self.resource else { return self.reason.description }
        return "\(resource): \(self.reason)"
    }
}

/// Why there is no plan at all.
public enum PlanError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The node's own resource is not there yet.
    case nodeUnknown(String)

    /// One line for people.
    public var description: String {
        switch self {
        case .nodeUnknown(let name): "node \(name) is not known yet"
        }
    }
}
