public import Resources

/// A YAML or JSON file that is no part of a datastore.
public enum ManifestFile {
    /// Why a file cannot be read.
    public struct Failure: Error, Hashable, CustomStringConvertible {
        /// Path, place and cause.
        public var description: String
    }

    /// Reads all documents of a file.
    public static func read(_ path: String) throws(Failure) -> [ManifestValue] {
        let bytes: [UInt8]
        do {
            bytes = try Files.read(path)
        } catch {
            throw Failure(description: "\(error)")
        }
        do {
            return try YAMLReader.documents(bytes)
        } catch {
            throw Failure(description: "\(path)\(error.position.map { ":\($0)" } ?? ""): \(error.message)")
        }
    }
}
