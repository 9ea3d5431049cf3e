internal import Glibc

/// Renders the files of all template resources, and again only those whose input changed.
struct RenderCache {
    private struct Input: Hashable {
        var template: ContentDigest
        var values: [String: TemplateValue]
        var view: KeyValueView?
        /// Which interval of the resource it is.
        var turn: Int64
    }

    private var renderer: TemplateRenderer
    private var known: [String: (input: Input, content: [UInt8])] = [:]
    /// What could not be rendered, by destination.
    private var failures: [String: (input: Input, error: ConfdError)] = [:]
    /// Files rendered since the last call of `render`, by template resource.
    private(set) var rendered: [String: Int] = [:]
    /// Why resources could not be rendered in the last call of `render`.
    private(set) var failed: [String: ConfdError] = [:]

    init(_ lookup: ConfdSettings.ServiceLookup? = nil) {
        self.renderer = TemplateRenderer(lookup)
    }

    /// Files rendered since the last call of `render`.
    var renderedCount: Int { self.rendered.values.reduce(0, +) }

    /// Renders every file, at a time since any fixed moment.
    ///
    /// A resource that cannot be rendered is left out and told by ``failed``; where it is one of the set, the whole set is
    /// left out at its first error: the others would mostly repeat it. What failed with the same input is not rendered
    /// again before it is due.
    mutating func render(
        _ resources: [TemplateResource],
        bundle: TemplateBundle,
        context: [String: TemplateValue],
        view: KeyValueView,
        nodeName: String,
        at time: Duration = .zero,
        isDue: (TemplateResource) -> Bool = { _ in true }
    ) -> [(resource: TemplateResource, files: [RenderedFile])] {
        self.renderer.use(bundle)
        self.rendered = [:]
        self.failed = [:]
        var seen: Set<String> = []
        var results: [(resource: TemplateResource, files: [RenderedFile])] = []
        var isSetWhole = true
        for resource in resources where isSetWhole || !resource.isInSet {
            do throws(ConfdError) {
                let subset =
                    resource.keys.isEmpty
                    ? nil : view.restricted(to: resource.keys, prefix: resource.prefix, nodeName: nodeName)
                let turn = resource.interval.map { time.components.seconds / Int64($0) } ?? 0
                let files = try self.files(
                    of: resource,
                    context: context,
                    view: subset,
                    turn: turn,
                    isDue: isDue(resource),
                    seen: &seen
                )
                results.append((resource, files))
            } catch {
                self.failed[resource.file] = error
                if resource.isInSet { isSetWhole = false }
            }
        }
        self.failures = self.failures.filter { seen.contains($0.key) }
        guard isSetWhole else { return results.filter { !$0.resource.isInSet } }
        self.known = self.known.filter { seen.contains($0.key) }
        return results
    }

    private mutating func files(
        of resource: TemplateResource,
        context: [String: TemplateValue],
        view: KeyValueView?,
        turn: Int64,
        isDue: Bool,
        seen: inout Set<String>
    ) throws(ConfdError) -> [RenderedFile] {
        let digest = try self.renderer.digest(of: resource.source)
        let seenContext = try self.renderer.values(context, seenBy: resource.source)
        var files: [RenderedFile] = []
        for (destination, values) in try Self.instances(of: resource, context: context, seen: seenContext) {
            guard seen.insert(destination).inserted else { throw .duplicateDestination(destination) }
            let input = Input(template: digest, values: values, view: view, turn: turn)
            files.append(
                RenderedFile(
                    destination: destination,
                    content: try self.content(resource, destination: destination, input: input, isDue: isDue),
                    mode: resource.mode,
                    userID: resource.userID ?? geteuid(),
                    groupID: resource.groupID ?? getegid(),
                    resource: resource.file
                )
            )
        }
        return files
    }

    private mutating func content(
        _ resource: TemplateResource,
        destination: String,
        input: Input,
        isDue: Bool
    ) throws(ConfdError) -> [UInt8] {
        if let known = self.known[destination], known.input == input { return known.content }
        if !isDue, let failure = self.failures[destination], failure.input == input { throw failure.error }
        let text: String
        do throws(ConfdError) {
            text = try self.renderer.render(resource.source, values: input.values, view: input.view)
        } catch {
            self.failures[destination] = (input, error)
            throw error
        }
        self.failures[destination] = nil
        self.rendered[resource.file, default: 0] += 1
        let content = Array(text.utf8)
        self.known[destination] = (input, content)
        return content
    }

    /// The destinations of a resource with the values that each sees.
    ///
    /// A repeated resource sees `node` and `item` and nothing of the other elements, so that one element's change leaves
    /// the others' files alone.
    private static func instances(
        of resource: TemplateResource,
        context: [String: TemplateValue],
        seen: [String: TemplateValue]
    ) throws(ConfdError) -> [(String, [String: TemplateValue])] {
        guard let each = resource.each else { return [(resource.destination, seen)] }
        guard let elements = context[each]?.elements else {
            throw .manifest(file: resource.file, line: nil, reason: "template.each: there is no list \(each)")
        }
        var instances: [(String, [String: TemplateValue])] = []
        for element in elements {
            guard let name = element["name"]?.string, Self.isFileName(name) else {
                throw .manifest(file: resource.file, line: nil, reason: "template.each: element without usable name")
            }
            var values = ["item": element]
            values["node"] = context["node"]
            instances.append((resource.destination(for: name), values))
        }
        return instances
    }

    private static func isFileName(_ name: String) -> Bool {
        !name.isEmpty && !name.hasPrefix(".") && name.utf8.count <= 128
            && name.utf8.allSatisfy { octet in
                switch octet {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}
