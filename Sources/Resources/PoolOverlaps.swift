public import IPAddressing

/// Pairs of IP pools whose networks overlap, which Calico does not admit.
public enum PoolOverlaps {
    /// Positions of a pool and of the widest one around it, the later of the two first.
    ///
    /// Networks are nested or disjoint, so one pass over them in order finds every pool inside another.
    public static func find(_ networks: [IPPrefix]) -> [(later: Int, earlier: Int)] {
        let order = networks.indices.sorted { lhs, rhs in
            let (left, right) = (networks[lhs], networks[rhs])
            if left.isIPv4 != right.isIPv4 { return left.isIPv4 }
            if left.address != right.address { return left.address < right.address }
            return (left.length, lhs) < (right.length, rhs)
        }
        var found: [(later: Int, earlier: Int)] = []
        var cover: Int?
        for index in order {
            if let outer = cover, networks[outer].contains(networks[index]) {
                found.append((max(outer, index), min(outer, index)))
            } else {
                cover = index
            }
        }
        return found.sorted { ($0.later, $0.earlier) < ($1.later, $1.earlier) }
    }
}
