/// What the control server answers to: method and path, `{…}` standing for one component.
enum Endpoint: String, CaseIterable, Sendable {
    case status = "GET /v1/status"
    case ready = "GET /v1/ready"
    case neighbors = "GET /v1/neighbors"
    case neighbor = "GET /v1/neighbors/{name}"
    case routes = "GET /v1/routes"
    case explain = "GET /v1/explain"
    case mrt = "GET /v1/mrt"
    case memory = "GET /v1/memory"
    case plan = "GET /v1/plan"
    case interfaces = "GET /v1/interfaces"
    case reload = "POST /v1/reload"
    case confirmReload = "POST /v1/reload/confirm"
    case undoReload = "POST /v1/reload/undo"
    case neighborAction = "POST /v1/neighbors/{name}/{action}"
    case shutdown = "POST /v1/shutdown"

    /// `GET` or `POST`.
    var method: Substring { self.rawValue.prefix { $0 != " " } }

    /// The path with placeholders.
    var path: Substring { self.rawValue.drop { $0 != " " }.dropFirst() }

    /// The components that stand for placeholders if `components` fits the path.
    func arguments(in components: [Substring]) -> [Substring]? {
        let pattern = self.path.split(separator: "/")
        guard pattern.count == components.count else { return nil }
        var arguments: [Substring] = []
        for (expected, given) in zip(pattern, components) {
            if expected.hasPrefix("{") {
                arguments.append(given)
            } else if expected != given {
                return nil
            }
        }
        return arguments
    }

    /// The endpoint for a request, or the reason that there is none.
    enum Match {
        case found(Endpoint, [Substring])
        case methodNotAllowed
        case notFound
    }

    /// Finds the endpoint of a request.
    static func match(method: String, path: String) -> Match {
        let components = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        var result = Match.notFound
        for endpoint in Endpoint.allCases {
            guard let arguments = endpoint.arguments(in: Array(components)) else { continue }
            if endpoint.method == method { return .found(endpoint, arguments) }
            result = .methodNotAllowed
        }
        return result
    }
}
