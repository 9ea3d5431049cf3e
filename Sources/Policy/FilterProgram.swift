public import RouteModel

/// A checked, compiled filter.
///
/// Equality is structural over the constant-folded program: equal text means equal value.
public struct FilterProgram: Hashable, Sendable {
    /// Accepts every route unchanged (`import all`).
    public static let acceptAll = FilterProgram(constant: .accept)
    /// Rejects every route (`import none`).
    public static let rejectAll = FilterProgram(constant: .reject)

    let constant: PolicyVerdict?

    init(constant: PolicyVerdict) {
        self.constant = constant
    }
}

extension FilterProgram: RoutePolicy {
    /// The verdict when it never varies.
    public var constantVerdict: PolicyVerdict? { self.constant }
    /// Inputs beside the attribute set.
    public var dependencies: PolicyDependencies { [] }
    /// Runs the program.
    public func evaluate(_ route: inout RouteDraft) -> PolicyVerdict { self.constant ?? .reject }
}
