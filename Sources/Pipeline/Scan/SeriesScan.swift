import Dicom
import Foundation
import Platform
import Report

/// A file that is used for nothing, and why.
package struct IgnoredFile: Codable, Sendable, Equatable {
    package var path: String
    package var code: String
    package var reason: String
    /// What the beginning of a damaged file says, or of which Series an object of another kind is; nil for others.
    package var header: DamagedHeader?

    /// Whether its bytes can be handed on.
    package var canBeCopied: Bool { !["E_NAME", "E_CANNOT_OPEN", "E_PERMISSION"].contains(code) }

    init(path: String, code: String, reason: String, header: DamagedHeader? = nil) {
        self.path = path
        self.code = code
        self.reason = reason
        self.header = header
    }

    /// It holds nothing, or no DICOM: most are signs of other programs, or papers beside the images.
    var mayBeAnything: Bool { ["E_TOO_SHORT", "E_NOT_DICOM"].contains(code) }

    /// Whether it may be an image that is missing now.
    var mayBeSlice: Bool {
        !["W_DICOMDIR", "W_NOT_A_FILE"].contains(code) && header?.isSlice != false
    }
}

/// What a set of files and folders holds for contouring.
package struct SeriesScan: Sendable {
    /// One stack of CT images.
    package struct Stack: Sendable {
        package var key: StackKey
        package var headers: [InstanceHeader]
        package var files: [String]
        /// Instances of the whole Series, over all its stacks.
        package var seriesInstanceCount: Int

        /// Series Instance UID, with a number when the Series has several stacks.
        package var name: String
        /// What of the Series it is, when that has several stacks.
        package var part: StackPart?
        /// Localizers of the Series that are not in this stack.
        package var localizersSetAside: Int
        /// The Series is of several patients.
        package var identities: [AdmissionFinding] = []
        /// Files that say that they are images of the Series, and are damaged.
        package var damaged: [IgnoredFile] = []
        /// Files beside its images that could not be read, and may be some.
        package var unread: [IgnoredFile] = []
        /// Images of it with SOP Instance UIDs of images of other Series.
        package var reusedUIDs = 0
    }

    /// An object that contours Series.
    package struct Reference: Sendable {
        package var path: String
        package var header: InstanceHeader
    }

    package var stacks: [Stack] = []
    package var references: [Reference] = []
    package var ignored: [IgnoredFile] = []

    /// Holds nothing.
    package init() {}

    /// Reads the headers of every file below `paths`. Links are followed; what several names lead to is read once.
    ///
    /// - Parameter progress: files done, files to do.
    /// - Throws: `SystemError` when one of `paths` does not exist or a folder cannot be listed.
    package init(
        paths: [String],
        limits: AdmissionLimits,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws(SystemError) {
        let files = try Self.files(below: paths, ignored: &ignored)
        var headers: [InstanceHeader] = []
        var images: [String] = []
        for (index, path) in files.enumerated() {
            progress(index, files.count)
            do throws(DicomError) {
                let header = try InstanceHeader(contentsOf: path)
                switch header.kind {
                case .ctImage:
                    headers.append(header)
                    images.append(path)
                case .rtStructureSet, .segmentation: references.append(Reference(path: path, header: header))
                case .dicomdir:
                    ignored.append(
                        IgnoredFile(path: path, code: "W_DICOMDIR", reason: "an index of other files; not needed")
                    )
                case .otherDicom(let sopClass):
                    var known = DamagedHeader()
                    known.seriesInstanceUID = header.seriesInstanceUID
                    let reason = "no CT image (SOP Class \(sopClass))"
                    ignored.append(IgnoredFile(path: path, code: "W_NOT_CT", reason: reason, header: known))
                }
            } catch {
                ignored.append(
                    IgnoredFile(
                        path: path,
                        code: error.code,
                        reason: "\(error.message) \(error.hint)",
                        header: error == .notDicom ? nil : DamagedHeader(contentsOf: path)
                    )
                )
            }
        }
        stacks = Self.stacks(headers, images, limits)
        noteUnread(roots: paths)
    }

    /// Tells each stack what may be missing in it.
    private mutating func noteUnread(roots: [String]) {
        let suspects = ignored.filter(\.mayBeSlice)
        guard !suspects.isEmpty else { return }
        let isOnlySeries = Set(stacks.map(\.key.seriesInstanceUID)).count == 1
        for index in stacks.indices {
            let stack = stacks[index]
            let uids = Set(
                stacks.filter { $0.key.seriesInstanceUID == stack.key.seriesInstanceUID }.flatMap(\.headers)
                    .map(\.sopInstanceUID)
            )
            let names = ImageNames(of: stack.files)
            let surroundings = Set(stack.files.map(Directory.parent)).map { folder in
                let root = roots.first { folder == $0 || folder.hasPrefix($0 + "/") } ?? folder
                return Surroundings(ofImagesIn: folder, root: root)
            }
            for file in suspects where !file.mayBeAnything || names.fit(file.path) {
                let series = file.header?.seriesInstanceUID ?? ""
                if series == stack.key.seriesInstanceUID, file.code == "W_NOT_CT" {
                    stacks[index].unread.append(file)
                } else if series == stack.key.seriesInstanceUID {
                    if !uids.contains(file.header?.sopInstanceUID ?? "") { stacks[index].damaged.append(file) }
                } else if series.isEmpty, isOnlySeries || surroundings.contains(where: { $0.contain(file.path) }) {
                    stacks[index].unread.append(file)
                }
            }
        }
    }

    private static func stacks(_ headers: [InstanceHeader], _ files: [String], _ limits: AdmissionLimits) -> [Stack] {
        let counts = Dictionary(grouping: headers, by: \.seriesInstanceUID)
            .mapValues { Set($0.map(\.sopInstanceUID)).count }
        let identities = Dictionary(grouping: headers, by: \.seriesInstanceUID).mapValues(identityFindings)
        let parts = Dicom.stacks(of: headers, limits: limits)
        let places = stackParts(of: parts, headers: headers)
        let series = Dictionary(grouping: headers, by: \.sopInstanceUID).mapValues { Set($0.map(\.seriesInstanceUID)) }
        return parts.enumerated().map { index, part in
            let uid = part.key.seriesInstanceUID
            let localizers = parts.filter { $0.key.seriesInstanceUID == uid && $0.key.isLocalizer }
            return Stack(
                key: part.key,
                headers: part.indices.map { headers[$0] },
                files: part.indices.map { files[$0] },
                seriesInstanceCount: counts[uid] ?? 0,
                name: stackName(of: index, among: parts.map(\.key)),
                part: places[index],
                localizersSetAside: part.key.isLocalizer ? 0 : localizers.reduce(0) { $0 + $1.indices.count },
                identities: identities[uid] ?? [],
                reusedUIDs: part.indices.count { (series[headers[$0].sopInstanceUID]?.count ?? 0) > 1 }
            )
        }
    }

    /// Regular files at and below the given paths; see `FilesBelow`.
    private static func files(below paths: [String], ignored: inout [IgnoredFile]) throws(SystemError) -> [String] {
        for path in paths where !Directory.exists(path) { throw SystemError("stat", code: ENOENT, path: path) }
        let below = FilesBelow(paths)
        if let folder = below.unreadable.first { throw folder.error }
        ignored += below.tooDeep.map {
            IgnoredFile(
                path: $0,
                code: "E_NAME",
                reason: "what it holds has paths longer than Linux takes; move it up or shorten names above it"
            )
        }
        ignored += below.nameless.map {
            IgnoredFile(path: $0, code: "E_NAME", reason: "its name is not UTF-8; give it another name")
        }
        ignored += below.others.map {
            IgnoredFile(
                path: $0,
                code: "W_NOT_A_FILE",
                reason: "a pipe, a device, or a link that leads to one or to what is not there"
            )
        }
        return below.paths
    }
}

/// Scans of one Series are numbered when there are several. Localizers beside them do not count, so that a result
/// is called the same whether a localizer came with the scan or not.
package func stackName(of index: Int, among keys: [StackKey]) -> String {
    let key = keys[index]
    let siblings = keys.indices.filter {
        keys[$0].seriesInstanceUID == key.seriesInstanceUID && keys[$0].isLocalizer == key.isLocalizer
    }
    let hasScans = keys.contains { $0.seriesInstanceUID == key.seriesInstanceUID && !$0.isLocalizer }
    let base = key.seriesInstanceUID + (key.isLocalizer && hasScans ? "-localizer" : "")
    guard siblings.count > 1, let number = siblings.firstIndex(of: index) else { return base }
    return "\(base)-s\(number + 1)"
}

extension SeriesScan.Stack {
    /// What is wrong with the Series as a whole.
    package var refusals: [AdmissionFinding] {
        let names = damaged.map { "\(($0.header ?? DamagedHeader()).name): \($0.code)" }
        return identities + (names.isEmpty ? [] : [.damagedImages(names)])
    }

    /// What was found beside its images; the report tells it, too.
    package var dropFindings: [DropFinding] {
        [unreadFinding, reusedUIDs > 0 ? .reusedUIDs(reusedUIDs) : nil].compactMap(\.self)
    }

    /// Of the rest: how many there are of each kind. Their names may be those of patients.
    private var unreadFinding: DropFinding? {
        guard !unread.isEmpty else { return nil }
        let codes = Dictionary(grouping: unread, by: \.code).sorted { $0.key < $1.key }
        return .filesNotRead(unread.count, details: codes.map { "\($0.value.count) x \($0.key)" })
    }
}
