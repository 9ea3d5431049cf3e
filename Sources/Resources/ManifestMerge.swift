extension ManifestValue {
    /// This manifest with what differs between two readings of it written in.
    ///
    /// `old` is what the fields that are understood said, `new` what they are to say. Where both agree this manifest stays
    /// as it is, and so does every field that neither knows. Lists are replaced as a whole.
    func applying(from old: ManifestValue?, to new: ManifestValue) -> ManifestValue {
        guard old != new else { return self }
        guard case .map(var fields) = self.content, case .map(let wanted) = new.content else { return new }
        var before: [String: ManifestValue] = [:]
        if let old, case .map(let known) = old.content {
            for field in known { before[field.key] = field.value }
        }
        let after = Dictionary(wanted.map { ($0.key, $0.value) }) { first, _ in first }
        for (key, value) in before where after[key] == nil && !value.isNull { fields.removeAll { $0.key == key } }
        for field in wanted where before[field.key] != field.value {
            if let index = fields.firstIndex(where: { $0.key == field.key }) {
                fields[index].value = fields[index].value.applying(from: before[field.key], to: field.value)
            } else {
                fields.append(field)
            }
        }
        return ManifestValue(.map(fields), at: self.position)
    }
}

extension Resource {
    /// The resource written over the manifest it was read from, so that fields of no known name are kept.
    ///
    /// A manifest of another object, or one that cannot be read, is replaced as a whole.
    public func manifest(over original: ManifestValue) -> ManifestValue {
        let outcome = ManifestDecoder().decode(original)
        guard outcome.resources.count == 1, let old = outcome.resources.first?.resource, old.key == self.key else {
            return self.manifest
        }
        return original.applying(from: old.manifest, to: self.manifest)
    }
}
