import ControlAPI
import IPAddressing

extension Route {
    /// Every attribute it has, a line each: the registered name and the value.
    var attributeLines: [String] {
        var lines: [String] = []
        func add(_ name: String, _ value: String?) {
            if let value { lines.append(value.isEmpty ? "\(name):" : "\(name): \(value)") }
        }
        func add(_ name: String, _ values: [String]) {
            if !values.isEmpty { add(name, values.joined(separator: " ")) }
        }
        add("ORIGIN", self.origin?.rawValue)
        add("AS_PATH", self.asPathText)
        add("NEXT_HOP", self.source == .bgp ? self.nextHop?.description : nil)
        add("MULTI_EXIT_DISC", self.med.map { String($0) })
        add("LOCAL_PREF", self.localPref.map { String($0) })
        add("ATOMIC_AGGREGATE", self.atomicAggregate ? "" : nil)
        add("AGGREGATOR", self.aggregator.map { "AS\($0.number) \($0.id)" })
        add("COMMUNITIES", self.communities)
        add("ORIGINATOR_ID", self.originatorID?.description)
        add("CLUSTER_LIST", self.clusterList.map(\.description))
        add("EXTENDED_COMMUNITIES", self.extendedCommunities)
        add("AIGP", self.aigp.map { String($0) })
        add("LARGE_COMMUNITY", self.largeCommunities)
        add("ONLY_TO_CUSTOMER", self.onlyToCustomer.map { "AS\($0)" })
        for attribute in self.otherAttributes {
            let partial = attribute.partial ? " [partial]" : ""
            add("\(attribute.name) (\(attribute.type))", "0x\(attribute.value)\(partial)")
        }
        return lines
    }
}
