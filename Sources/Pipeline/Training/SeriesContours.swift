import Dicom
import Imaging
import Platform
import Segmentation

/// What the objects of a series say about the structures of a recipe.
struct SeriesContours {
    /// Objects with a structure of the recipe.
    private(set) var files: [TrainingFiles.DicomEntry] = []
    /// Names that match no ROI of the recipe.
    private(set) var unmatchedNames = Set<String>()
    /// Why the series must not be trained on; empty where it may. What is missing, or drawn only in part, would be learned
    /// as background.
    private(set) var reasons: [String] = []
    /// ROIs that are drawn.
    private var drawn = Set<UInt8>()
    /// Names of structures that nobody drew.
    private var empty: [UInt8: String] = [:]
    /// Names of structures that lie in another Frame of Reference than the CT.
    private var elsewhere: [UInt8: String] = [:]
    /// Names of structures in objects that were rejected.
    private var rejected: [UInt8: String] = [:]
    /// Objects that were rejected.
    private var rejectedFiles: [String] = []
    /// Objects whose structures are all in approved ones.
    private var overruledFiles: [String] = []
    /// What is to be known of structures that are used.
    private var notes: [String] = []

    /// What the case's row of the table is to say where the others are enough.
    var remark: String {
        let unused = [(rejectedFiles, "Approval Status REJECTED"), (overruledFiles, "another set is APPROVED")]
            .filter { !$0.0.isEmpty }
            .map { "\($0.0.joined(separator: ", ")) not used (\($0.1))" }
        return (unused + notes).joined(separator: "; ")
    }

    init(
        _ objects: [TrainingFiles.DicomEntry],
        rois: [TrainingROI],
        geometry: VolumeGeometry,
        scan: ScanIdentity
    ) {
        var approved = Set<UInt8>()
        var read: [(file: TrainingFiles.DicomEntry, object: TrainingReference)] = []
        func tell(_ file: TrainingFiles.DicomEntry, _ error: any Error) {
            reasons.append("contours that cannot be read (\(safeName(Directory.name(of: file.path))): \(error))")
        }
        for file in objects {
            do {
                let object = try TrainingReference(file, on: scan)
                if object.isApproved { approved.formUnion(try object.drawnLabels(rois, geometry, scan)) }
                read.append((file, object))
            } catch {
                tell(file, error)
            }
        }
        for (file, object) in read {
            let labels = rois.labels(of: object.names).compactMap(\.self)
            if !object.isApproved, !object.isRejected, !labels.isEmpty, approved.isSuperset(of: labels) {
                overruledFiles.append(object.fileName)
                continue
            }
            do { try add(file, object, rois, geometry, scan) } catch { tell(file, error) }
        }
        let missing = rois.filter { !drawn.contains(UInt8($0.roi.label)) }
        let displaced = missing.compactMap { elsewhere[UInt8($0.roi.label)] }
        let besides = missing.filter { elsewhere[UInt8($0.roi.label)] == nil }
        let refused = besides.compactMap { rejected[UInt8($0.roi.label)] }
        let rest = besides.filter { rejected[UInt8($0.roi.label)] == nil }
        let unnamed = rest.filter { empty[UInt8($0.roi.label)] == nil }.map(\.roi.name)
        let undrawn = rest.compactMap { empty[UInt8($0.roi.label)] }
        if !undrawn.isEmpty { reasons.insert("\(undrawn.joined(separator: ", ")) without contours", at: 0) }
        if !refused.isEmpty {
            reasons.insert(
                "\(refused.joined(separator: ", ")) rejected (Approval Status of \(rejectedFiles.joined(separator: ", ")))",
                at: 0
            )
        }
        if !displaced.isEmpty {
            reasons.insert("\(displaced.joined(separator: ", ")) in another Frame of Reference than the CT", at: 0)
        }
        guard !unnamed.isEmpty else { return }
        let reason =
            files.isEmpty && rejected.isEmpty
            ? "no contours of the recipe's structures" : "without \(unnamed.joined(separator: ", "))"
        reasons.insert(reason, at: 0)
    }

    private mutating func add(
        _ file: TrainingFiles.DicomEntry,
        _ object: TrainingReference,
        _ rois: [TrainingROI],
        _ geometry: VolumeGeometry,
        _ scan: ScanIdentity
    ) throws {
        let labels = rois.labels(of: object.names)
        unmatchedNames.formUnion(zip(object.names, labels).filter { $1 == nil }.map(\.0))
        guard labels.contains(where: { $0 != nil }) else { return }
        if object.isRejected {
            rejectedFiles.append(object.fileName)
            for (name, label) in zip(object.names, labels) { if let label { rejected[label] = name } }
            return
        }
        files.append(file)
        if object.liesElsewhere(than: scan.frameOfReferenceUIDs.first) {
            reasons.append("contours in another Frame of Reference than the CT (\(object.fileName))")
            drawn.formUnion(labels.compactMap(\.self))
            return
        }
        for (index, label) in labels.enumerated() {
            guard let label else { continue }
            if object.liesElsewhere(index) {
                elsewhere[label] = object.names[index]
                continue
            }
            if try object.isEmpty(index, on: geometry) {
                empty[label] = object.names[index]
                continue
            }
            drawn.insert(label)
            if let problem = try object.problem(index, on: geometry) { reasons.append(problem) }
            if let note = object.note(index, on: geometry) { notes.append(note) }
        }
    }
}
