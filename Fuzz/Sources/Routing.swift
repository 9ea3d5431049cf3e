import IPAddressing
import RouteModel
import Routing

/// Changes a routing core and the naive model of its tests by the operations that the input spells, and compares them.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzRouting(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    do {
        var scenario = try Scenario.make(SeededGenerator(octets: input))
        var step = 0
        while !(scenario.random.octets?.isEmpty ?? true) {
            try scenario.step()
            step += 1
            if step.isMultiple(of: 16) { try scenario.compare(step) }
        }
        try scenario.compare(step)
    } catch {
        fail("\(error)")
    }
    return 0
}
