internal import Foundation
internal import Stencil

/// The filters that templates have beside the engine's own.
///
/// Built in nonisolated functions: a filter closure made on the main actor would be bound to it.
enum TemplateFilters {
    /// Name under which the key/value view stands in the context; no template can write it.
    static let viewName = " view"

    /// All of them.
    static func makeExtension(_ lookup: ConfdSettings.ServiceLookup? = nil) -> Extension {
        let filters = Extension()
        self.addServiceFilter(to: filters, lookup)
        self.addKeyValueFilters(to: filters)
        self.addTextFilters(to: filters)
        self.addValueFilters(to: filters)
        filters.registerFilter("required") { (value: Any?, arguments: [Any?]) in
            guard let value else {
                throw TemplateSyntaxError("undefined variable \(arguments.first.map { "\($0 ?? "")" } ?? "")")
            }
            return value
        }
        return filters
    }

    private static func addKeyValueFilters(to filters: Extension) {
        filters.registerFilter("getv") { value, arguments, context in
            let key = try self.text(value, "getv")
            if let found = try self.view(context).values[key] { return found }
            if let fallback = arguments.first { return fallback }
            throw TemplateSyntaxError("getv: no key \(key)")
        }
        filters.registerFilter("exists") { value, _, context in
            try self.view(context).values[try self.text(value, "exists")] != nil
        }
        filters.registerFilter("get") { value, _, context in
            let key = try self.text(value, "get")
            guard let found = try self.view(context).values[key] else {
                throw TemplateSyntaxError("get: no key \(key)")
            }
            return ["key": key, "value": found]
        }
        filters.registerFilter("gets") { value, _, context in
            let view = try self.view(context)
            return view.keys(matching: try self.text(value, "gets")).map { key in
                ["key": key, "value": view.values[key] ?? ""]
            }
        }
        filters.registerFilter("getvs") { value, _, context in
            let view = try self.view(context)
            return view.keys(matching: try self.text(value, "getvs")).compactMap { view.values[$0] }
        }
        filters.registerFilter("ls") { value, _, context in
            try self.view(context).names(below: try self.text(value, "ls"), directoriesOnly: false)
        }
        filters.registerFilter("lsdir") { value, _, context in
            try self.view(context).names(below: try self.text(value, "lsdir"), directoriesOnly: true)
        }
    }

    /// `"etcd-client"|lookupSRV:"tcp","example.com"`; none when there are none or they cannot be asked for now.
    private static func addServiceFilter(to filters: Extension, _ lookup: ConfdSettings.ServiceLookup?) {
        filters.registerFilter("lookupSRV") { (value: Any?, arguments: [Any?]) in
            guard let lookup else { throw TemplateSyntaxError("lookupSRV: there is nobody to ask") }
            let service = try self.text(value, "lookupSRV")
            let transport = try self.argument(0, arguments, "lookupSRV")
            let domain = try self.argument(1, arguments, "lookupSRV")
            let name = service.isEmpty && transport.isEmpty ? domain : "_\(service)._\(transport).\(domain)"
            let records = (try? lookup(name)) ?? []
            return records.map {
                ["target": $0.target, "port": Int($0.port), "priority": Int($0.priority), "weight": Int($0.weight)]
                    as [String: Any]
            }
        }
    }

    private static func addTextFilters(to filters: Extension) {
        for name in ["json", "jsonArray"] {
            filters.registerFilter(name) { (value: Any?) in
                do {
                    return try JSONValue(parsing: try self.text(value, name)).unwrapped
                } catch is DecodingError {
                    throw TemplateSyntaxError("\(name): not a JSON document")
                }
            }
        }
        filters.registerFilter("base") { (value: Any?) in
            let text = try self.text(value, "base")
            return text.split(separator: "/").last.map(String.init) ?? text
        }
        filters.registerFilter("dir") { (value: Any?) in
            let text = try self.text(value, "dir")
            guard let slash = text.lastIndex(of: "/") else { return "." }
            return slash == text.startIndex ? "/" : String(text[..<slash])
        }
        filters.registerFilter("split") { (value: Any?, arguments: [Any?]) in
            let separator = try self.argument(0, arguments, "split")
            return try self.text(value, "split").components(separatedBy: separator)
        }
        filters.registerFilter("join") { (value: Any?, arguments: [Any?]) in
            guard let elements = value as? [Any] else { throw TemplateSyntaxError("join: not a list") }
            return elements.map { "\($0)" }.joined(separator: try self.argument(0, arguments, "join"))
        }
        filters.registerFilter("replace") { (value: Any?, arguments: [Any?]) in
            let old = try self.argument(0, arguments, "replace")
            return try self.text(value, "replace")
                .replacingOccurrences(of: old, with: try self.argument(1, arguments, "replace"))
        }
        filters.registerFilter("contains") { (value: Any?, arguments: [Any?]) in
            try self.text(value, "contains").contains(try self.argument(0, arguments, "contains"))
        }
        filters.registerFilter("hasSuffix") { (value: Any?, arguments: [Any?]) in
            try self.text(value, "hasSuffix").hasSuffix(try self.argument(0, arguments, "hasSuffix"))
        }
        filters.registerFilter("trimSuffix") { (value: Any?, arguments: [Any?]) in
            let text = try self.text(value, "trimSuffix")
            let suffix = try self.argument(0, arguments, "trimSuffix")
            return text.hasSuffix(suffix) ? String(text.dropLast(suffix.count)) : text
        }
        filters.registerFilter("toUpper") { (value: Any?) in try self.text(value, "toUpper").uppercased() }
        filters.registerFilter("toLower") { (value: Any?) in try self.text(value, "toLower").lowercased() }
    }

    private static func view(_ context: Context) throws -> KeyValueView {
        guard let view = context[self.viewName] as? KeyValueView else {
            throw TemplateSyntaxError("no keys: the template resource lists none")
        }
        return view
    }

    static func text(_ value: Any?, _ filter: String) throws -> String {
        switch value {
        case let text as String: text
        case let number as Int: String(number)
        default: throw TemplateSyntaxError("\(filter): a text is needed")
        }
    }

    private static func argument(_ index: Int, _ arguments: [Any?], _ filter: String) throws -> String {
        guard index < arguments.count, let value = arguments[index] else {
            throw TemplateSyntaxError("\(filter): argument \(index + 1) is missing")
        }
        return "\(value)"
    }
}
