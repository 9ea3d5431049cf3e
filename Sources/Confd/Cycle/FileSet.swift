internal import Glibc

/// A rendered file, before anything is written.
struct RenderedFile: Hashable {
    /// Path relative to the set's root, or absolute for a file of its own.
    var destination: String
    var content: [UInt8]
    /// Nil keeps the mode of an existing file.
    var mode: UInt32?
    var userID: UInt32
    var groupID: UInt32
    /// The template resource's file, for messages.
    var resource: String
}

/// Files that are staged, checked and replaced together.
///
/// The set of the output directory is staged in `.stage` inside that directory, so that renames stay on one file system
/// and relative includes work in the stage as they will in place. Unchanged files are linked into the stage. The stage of a
/// large set is kept, with its links, for the next cycle. A file with an absolute destination is a set by itself and staged
/// beside it.
struct FileSet {
    /// Output directory; nil for a single file with an absolute destination.
    var root: String?
    var files: [RenderedFile]
    /// Directories below the root whose files belong to repeated resources, with the fixed parts around the name.
    var patterns: [Pattern] = []

    struct Pattern: Hashable {
        var directory: String
        var prefix: String
        var suffix: String
    }

    /// One difference between what is wanted and what is there.
    struct Change: Hashable, Sendable {
        enum Kind: Hashable, Sendable { case create, modify, delete }
        var kind: Kind
        var destination: String
    }

    func path(of destination: String) -> String { self.root.map { $0 + "/" + destination } ?? destination }

    /// Sets of more files than this keep their stage.
    private static let keptStage = 100

    private var keepsStage: Bool { self.root != nil && self.files.count > Self.keptStage }

    private var stageRoot: String? { self.root.map { $0 + "/.stage" } }

    /// Where a file is staged.
    func stagedPath(of destination: String) -> String {
        if let stage = self.stageRoot { return stage + "/" + destination }
        guard let slash = destination.lastIndex(of: "/") else { return "." + destination + ".stage" }
        let name = destination[destination.index(after: slash)...]
        return destination[...slash] + "." + name + ".stage"
    }

    /// Compares by content, mode and owner.
    func changes(_ ledger: inout FileLedger) throws(ConfdError) -> [Change] {
        var changes: [Change] = []
        for file in self.files {
            let path = self.path(of: file.destination)
            guard let status = try FileTree.status(of: path) else {
                changes.append(Change(kind: .create, destination: file.destination))
                continue
            }
            var isSame =
                status.isRegular && status.size == file.content.count && status.userID == file.userID
                && status.groupID == file.groupID
                && (file.mode == nil || file.mode == status.mode)
            if isSame, !ledger.knows(path, status.identity, file.content) {
                isSame = try FileTree.read(path, limit: file.content.count) == file.content
                if isSame { ledger.note(path, status.identity, file.content) }
            }
            // A link in the kept stage leads to what was in place then.
            if isSame, let inode = ledger.staged?[file.destination], inode != status.identity.inode {
                ledger.staged?[file.destination] = nil
            }
            if !isSame {
                changes.append(Change(kind: .modify, destination: file.destination))
            }
        }
        for name in try self.strays() { changes.append(Change(kind: .delete, destination: name)) }
        return changes
    }

    /// Files of repeated resources whose element is gone.
    private func strays() throws(ConfdError) -> [String] {
        guard self.root != nil else { return [] }
        let wanted = Set(self.files.map(\.destination))
        var strays: [String] = []
        for pattern in self.patterns {
            let directory = pattern.directory.isEmpty ? "" : pattern.directory + "/"
            for name in try FileTree.names(in: self.path(of: pattern.directory))
            where !name.hasPrefix(".") && name.hasPrefix(pattern.prefix) && name.hasSuffix(pattern.suffix)
                && name.utf8.count > pattern.prefix.utf8.count + pattern.suffix.utf8.count
                && !wanted.contains(directory + name)
            {
                if try FileTree.status(of: self.path(of: directory + name))?.isRegular ?? false {
                    strays.append(directory + name)
                }
            }
        }
        return strays
    }

    /// Writes the changed files into the stage and links the others, unless nobody will look at them there.
    func stage(_ changes: [Change], linksOthers: Bool, _ ledger: inout FileLedger) throws(ConfdError) {
        let kept = ledger.staged
        // Until all is done, what the stage holds is not known.
        ledger.staged = nil
        let isAsLeft = ledger.stageIdentities != nil && ledger.stageIdentities == self.stageIdentities
        var links = self.keepsStage && linksOthers && isAsLeft ? kept ?? [:] : [:]
        if let stage = self.stageRoot {
            try FileTree.makeDirectory(self.path(of: ""))
            if links.isEmpty { try FileTree.removeTree(stage) }
            try FileTree.makeDirectory(stage, mode: 0o700)
            for pattern in self.patterns where !pattern.directory.isEmpty {
                try FileTree.makeDirectory(stage + "/" + pattern.directory, mode: 0o700)
            }
        }
        let changed = Set(changes.map(\.destination))
        for change in changes {
            links[change.destination] = nil
            if change.kind == .delete { try FileTree.remove(self.stagedPath(of: change.destination)) }
        }
        let wanted = Set(self.files.map(\.destination))
        for destination in links.keys where !wanted.contains(destination) {
            try FileTree.remove(self.stagedPath(of: destination))
            links[destination] = nil
        }
        var made: Set<Substring> = []
        for file in self.files {
            if links[file.destination] != nil { continue }
            let isChanged = changed.contains(file.destination)
            guard isChanged || linksOthers else { continue }
            let staged = self.stagedPath(of: file.destination)
            if let slash = staged.lastIndex(of: "/"), made.insert(staged[..<slash]).inserted {
                try FileTree.makeDirectory(String(staged[..<slash]), mode: self.root == nil ? 0o755 : 0o700)
            }
            let path = self.path(of: file.destination)
            guard isChanged else {
                guard self.root != nil else { continue }
                try FileTree.remove(staged)
                try FileTree.link(path, as: staged)
                if self.keepsStage { links[file.destination] = try FileTree.status(of: staged)?.identity.inode }
                continue
            }
            try FileTree.remove(staged)
            let present = try FileTree.status(of: path)
            try FileTree.create(
                staged,
                content: file.content,
                mode: file.mode ?? (present?.isRegular == true ? present?.mode : nil) ?? 0o644,
                userID: file.userID,
                groupID: file.groupID
            )
        }
        if self.keepsStage, linksOthers { ledger.staged = links }
    }

    /// Moves the changed files into place, in the order of the set, then removes those that are gone.
    ///
    /// Nothing is synced to disk: the files are rendered again when the program starts.
    func swap(_ changes: [Change]) throws(ConfdError) {
        // An include of a pattern needs its directory also when there is nothing in it.
        for pattern in self.patterns where !pattern.directory.isEmpty {
            try FileTree.makeDirectory(self.path(of: pattern.directory))
        }
        let changed = Set(changes.map(\.destination))
        for file in self.files where changed.contains(file.destination) {
            let path = self.path(of: file.destination)
            if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
                try FileTree.makeDirectory(String(path[..<slash]))
            }
            try FileTree.replace(path, with: self.stagedPath(of: file.destination))
        }
        for change in changes where change.kind == .delete {
            try FileTree.remove(self.path(of: change.destination))
        }
    }

    /// Of the directories of the stage: they tell whether anyone added or took anything; nil when one cannot be had.
    private var stageIdentities: [FileTree.Identity]? {
        guard let stage = self.stageRoot else { return nil }
        let directories = [stage] + self.patterns.map { stage + "/" + $0.directory }
        let identities = directories.compactMap { (try? FileTree.status(of: $0))?.identity }
        return identities.count == directories.count ? identities : nil
    }

    /// Removes what is left of the stage, unless it is kept.
    func clean(_ ledger: inout FileLedger) throws(ConfdError) {
        if self.root != nil, ledger.staged != nil {
            ledger.stageIdentities = self.stageIdentities
            return
        }
        if let stage = self.stageRoot { return try FileTree.removeTree(stage) }
        for file in self.files { try FileTree.remove(self.stagedPath(of: file.destination)) }
    }
}
