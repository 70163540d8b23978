import Dicom
import Foundation
import Imaging
import Nifti
import Platform
import Segmentation

/// Finds CT series and what contours them.
final class DicomCaseFinder {
    private let root: String
    private let files: TrainingFiles
    private let labels: LabelFolder?
    private let rois: [TrainingROI]
    private let limits: AdmissionLimits
    private var takenNames = Set<String>()
    /// Damaged files that a row of the table tells.
    private var toldFiles = Set<String>()
    /// Parts of a path that all series share below the root: they tell no case from another.
    private var sharedDepth = 0
    /// Of every series that is one volume, for finding label maps that nobody used.
    private(set) var geometries: [(uid: String, geometry: VolumeGeometry)] = []

    init(root: String, files: TrainingFiles, labels: LabelFolder?, rois: [TrainingROI], limits: AdmissionLimits) {
        self.root = root
        self.files = files
        self.labels = labels
        self.rois = rois
        self.limits = limits
    }

    func addCases(to cases: inout TrainingCases) {
        let stacks = stacks(of: files.images.map(\.header), limits: limits)
        // Several series below one folder get a number each, in the order of their UIDs.
        let series = stacks.sorted { $0.key.seriesInstanceUID < $1.key.seriesInstanceUID }
            .map { stack in stack.indices.map { files.images[$0] } }
        sharedDepth = depthShared(by: series.map { folders(of: $0[0].path) })
        for images in series { addCase(images, to: &cases) }
        tellStrayReferences(&cases)
        tellDamagedFiles(&cases)
    }

    /// Contours of series that are not here.
    private func tellStrayReferences(_ cases: inout TrainingCases) {
        let present = Set(files.images.map(\.header.seriesInstanceUID))
        for file in files.references where present.isDisjoint(with: file.header.referencedSeriesInstanceUIDs) {
            let name = safeName(caseFolder(of: file.path) ?? "contours")
            let namesNone = file.header.referencedSeriesInstanceUIDs.isEmpty
            let remark =
                namesNone
                ? "contours that name no series, and not the images of one that is here"
                : "contours of a series that is not here"
            cases.skipped.append(CaseRecord(name: name, role: .skipped, remark: remark))
        }
    }

    private func addCase(_ images: [TrainingFiles.DicomEntry], to cases: inout TrainingCases) {
        let name = uniqueName(images)
        func skip(_ reasons: [String]) {
            let remark = reasons.joined(separator: "; ")
            cases.skipped.append(CaseRecord(name: name, role: .skipped, remark: remark, slices: images.count))
        }
        let header = images[0].header
        let uid = header.seriesInstanceUID
        let examination = examineStack(images.map(\.header), limits: limits)
        guard examination.isAcceptable, let geometry = examination.geometry else {
            return skip(examination.refusals.map(\.message) + damagedImages(of: uid))
        }
        geometries.append((uid, geometry))
        let damaged = damagedImages(of: uid)
        guard damaged.isEmpty else { return skip(damaged) }
        let paths = images.map(\.path)
        do {
            if let labelMap = try labels?.path(seriesInstanceUID: uid, geometry: geometry) {
                return cases.sources.append(labelMapCase(name, paths, labelMap))
            }
        } catch {
            return skip(["\(error)"])
        }
        let scan = ScanIdentity(
            frameOfReferenceUIDs: Set([header.frameOfReferenceUID].compactMap(\.self)),
            seriesInstanceUIDs: [uid],
            imageUIDs: Set(images.map(\.header.sopInstanceUID))
        )
        let contours = SeriesContours(
            files.references.filter { $0.header.referencedSeriesInstanceUIDs.contains(uid) },
            rois: rois,
            geometry: geometry,
            scan: scan
        )
        for unmatched in contours.unmatchedNames { cases.unmatchedNames[unmatched, default: 0] += 1 }
        guard contours.reasons.isEmpty else { return skip(contours.reasons + damagedObjects(beside: images[0])) }
        cases.sources.append(referenceCase(name, paths, contours.files, scan))
    }

    /// Images that cannot be read are missing in the scan, also where they were the last ones.
    private func damagedImages(of uid: String) -> [String] {
        let images = files.damaged.filter { $0.header.isSlice && $0.header.seriesInstanceUID == uid }
        toldFiles.formUnion(images.map(\.path))
        guard let first = images.first else { return [] }
        return ["\(counted(images.count, "image")) damaged (\(first.text))"]
    }

    /// Objects in the folder of a case that may have been its contours.
    private func damagedObjects(beside image: TrainingFiles.DicomEntry) -> [String] {
        let folder = caseFolder(of: image.path)
        let objects = files.damaged.filter { !$0.header.isSlice && caseFolder(of: $0.path) == folder }
        toldFiles.formUnion(objects.map(\.path))
        return objects.map { "damaged: \($0.text)" }
    }

    private func tellDamagedFiles(_ cases: inout TrainingCases) {
        for file in files.damaged where !toldFiles.contains(file.path) {
            let name = safeName(caseFolder(of: file.path) ?? "damaged")
            cases.skipped.append(CaseRecord(name: name, role: .skipped, remark: "damaged: \(file.text)"))
        }
    }

    /// The names of the folders below the root that a file lies in.
    private func folders(of path: String) -> [String] {
        let path = URL(fileURLWithPath: path).path
        let relative = path.hasPrefix(root + "/") ? String(path.dropFirst(root.count + 1)) : path
        return relative.split(separator: "/").dropLast().map(String.init)
    }

    /// The first folder that tells a series from the others: the patient's in TCIA's layout, however deep it lies.
    private func caseFolder(of path: String) -> String? { folders(of: path).dropFirst(sharedDepth).first }

    /// Series that share a folder get a number.
    private func uniqueName(_ images: [TrainingFiles.DicomEntry]) -> String {
        let base = safeName(caseFolder(of: images[0].path) ?? "series")
        var name = base
        var number = 2
        while !takenNames.insert(name).inserted {
            name = "\(base)-\(number)"
            number += 1
        }
        return name
    }

    private func labelMapCase(_ name: String, _ paths: [String], _ labelMap: String) -> TrainingCaseSource {
        let (limits, table) = (limits, rois.labelTable)
        let (patient, collection, hasPatientID) = patient(of: paths[0])
        return TrainingCaseSource(
            name: name,
            patient: patient,
            fingerprint: fingerprint(ofFiles: paths + [labelMap], salt: "labels \(table.sorted { $0.key < $1.key })"),
            collection: collection,
            hasPatientID: hasPatientID,
            place: Directory.parent(of: paths[0])
        ) {
            let ct = try loadCTSeries(files: paths, limits: limits).volume
            let labels = relabelled(try NiftiFile.readLabels(labelMap), table)
            return TrainingCase(
                ct: ct,
                labels: labels.resampledNearest(to: ct.geometry, outside: 0, threads: ProcessorCount.available)
            )
        }
    }

    private func referenceCase(
        _ name: String,
        _ paths: [String],
        _ references: [TrainingFiles.DicomEntry],
        _ scan: ScanIdentity
    ) -> TrainingCaseSource {
        let (limits, rois) = (limits, rois)
        let names = rois.map { $0.roi.name + $0.patterns.joined() }.joined(separator: ",")
        let (patient, collection, hasPatientID) = patient(of: paths[0])
        return TrainingCaseSource(
            name: name,
            patient: patient,
            fingerprint: fingerprint(ofFiles: paths + references.map(\.path), salt: "contours \(names)"),
            collection: collection,
            hasPatientID: hasPatientID,
            place: Directory.parent(of: paths[0])
        ) {
            let ct = try loadCTSeries(files: paths, limits: limits).volume
            return TrainingCase(
                ct: ct,
                labels: try referenceLabels(references, rois: rois, on: ct.geometry, scan: scan)
            )
        }
    }

    /// Cases of one patient belong together; only a digest of the Patient ID is kept, and the public collection that
    /// it names. Without one, what lies in one folder is taken for one patient.
    private func patient(of path: String) -> (patient: String, collection: String, hasPatientID: Bool) {
        // A file that cannot be opened fails again, with its reason, when the case is loaded.
        let id = (try? DicomFile(contentsOf: path, until: .pixelData))?.dataSet.string(.patientID)
        guard let id, !id.isEmpty else { return (safeName(Directory.parent(of: path)), "", false) }
        let digest = SHA256Digest.hex(of: Data(id.utf8)).prefix(12)
        return ("patient-\(digest)", PublicCollection(patientID: id)?.rawValue ?? "", true)
    }
}

/// Length of the beginning that all paths have in common; 0 for a single one.
private func depthShared(by paths: [[String]]) -> Int {
    guard let first = paths.first, paths.count > 1 else { return 0 }
    let shared = first.indices.prefix { n in paths.allSatisfy { $0.count > n && $0[n] == first[n] } }.count
    // A series in the shared folder itself is called after that.
    return paths.contains { $0.count == shared } ? max(0, shared - 1) : shared
}
