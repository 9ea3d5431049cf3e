import Resources

/// Bodies of requests, as JSON; keys and values are base64, so nothing needs quoting.
enum EtcdRequests {
    static func range(
        _ range: EtcdLayout.KeyRange,
        after last: String? = nil,
        revision: Int64? = nil,
        limit: Int
    ) -> String {
        // The key behind another is that one and a zero octet.
        let start = last.map { Array($0.utf8) + [0] } ?? Array(range.start.utf8)
        return "{\"key\":\"\(encodeBase64(start))\",\"range_end\":\"\(Self.text(range.end))\""
            + (revision.map { ",\"revision\":\"\($0)\"" } ?? "") + ",\"limit\":\"\(limit)\"}"
    }

    static func get(_ key: String, revision: Int64? = nil) -> String {
        "{\"key\":\"\(Self.text(key))\"" + (revision.map { ",\"revision\":\"\($0)\"" } ?? "") + "}"
    }

    /// A read that the leader has to confirm and that returns nothing.
    static let probe = "{\"key\":\"\(text(EtcdLayout.migrationLock))\",\"count_only\":true}"

    static func create(_ key: String, _ value: String, lease: Int64? = nil) -> String {
        self.transaction(
            "{\"target\":\"VERSION\",\"key\":\"\(Self.text(key))\",\"version\":\"0\"}",
            "{\"request_put\":\(self.put(key, value, lease: lease))}",
            key
        )
    }

    static func update(_ key: String, _ value: String, ifRevision revision: Int64) -> String {
        self.transaction(self.has(key, revision), "{\"request_put\":\(self.put(key, value))}", key)
    }

    static func delete(_ key: String, ifRevision revision: Int64) -> String {
        self.transaction(
            self.has(key, revision),
            "{\"request_delete_range\":{\"key\":\"\(Self.text(key))\"}}",
            key
        )
    }

    static func delete(_ key: String) -> String { "{\"key\":\"\(Self.text(key))\"}" }

    static func put(_ key: String, _ value: String, lease: Int64? = nil) -> String {
        "{\"key\":\"\(Self.text(key))\",\"value\":\"\(Self.text(value))\""
            + (lease.map { ",\"lease\":\"\($0)\"" } ?? "") + "}"
    }

    static func watch(_ range: EtcdLayout.KeyRange, from revision: Int64) -> String {
        "{\"create_request\":{\"key\":\"\(Self.text(range.start))\",\"range_end\":\"\(Self.text(range.end))\","
            + "\"start_revision\":\"\(revision)\",\"progress_notify\":true,\"fragment\":true}}"
    }

    static func authenticate(_ credentials: EtcdSettings.Credentials) -> String {
        ManifestValue(
            .map([
                ManifestValue.Field("name", ManifestValue(.string(credentials.name))),
                ManifestValue.Field("password", ManifestValue(.string(credentials.password))),
            ])
        ).compactJSON
    }

    private static func has(_ key: String, _ revision: Int64) -> String {
        "{\"target\":\"MOD\",\"key\":\"\(Self.text(key))\",\"mod_revision\":\"\(revision)\"}"
    }

    /// A write under a condition; without it, the key is read.
    private static func transaction(_ compare: String, _ success: String, _ key: String) -> String {
        "{\"compare\":[\(compare)],\"success\":[\(success)],"
            + "\"failure\":[{\"request_range\":{\"key\":\"\(Self.text(key))\"}}]}"
    }

    private static func text(_ text: String) -> String { encodeBase64(Array(text.utf8)) }
}
