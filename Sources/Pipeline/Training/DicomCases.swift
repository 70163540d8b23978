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
    private let rois: [TrainingROI]
    private let limits: AdmissionLimits
    /// In the order of their UIDs.
    private let series: [Series]
    private var takenNames = Set<String>()
    /// Damaged files that a row of the table tells.
    private var toldFiles = Set<String>()
    /// Parts of a path that all series share below the root: they tell no case from another.
    private var sharedDepth = 0
    /// Images that belong together, and whether they are one volume.
    private struct Series {
        var images: [TrainingFiles.DicomEntry]
        var examination: StackExamination
    }

    init(root: String, files: TrainingFiles, rois: [TrainingROI], limits: AdmissionLimits) {
        self.root = root
        self.files = files
        self.rois = rois
        self.limits = limits
        let stacks = stacks(of: files.images.map(\.header), limits: limits)
        series = stacks.sorted { $0.key.seriesInstanceUID < $1.key.seriesInstanceUID }.map { stack in
            let images = stack.indices.map { files.images[$0] }
            return Series(images: images, examination: examineStack(images.map(\.header), limits: limits))
        }
    }

    /// UID and grid of every series that has one, for finding their label maps.
    var grids: [LabelFolder.Grid] {
        series.compactMap { series in
            series.examination.geometry.map { (uid: series.images[0].header.seriesInstanceUID, geometry: $0) }
        }
    }

    /// - Parameters:
    ///   - labels: label maps of the series.
    ///   - grids: of all series that they may belong to.
    ///   - beforeEach: called before each series; what it throws ends the work.
    func addCases(
        to cases: inout TrainingCases,
        labels: LabelFolder?,
        grids: [LabelFolder.Grid],
        _ beforeEach: () throws -> Void
    ) rethrows {
        // Several series below one folder get a number each.
        sharedDepth = depthShared(by: series.map { folders(of: $0.images[0].path) })
        for series in series {
            try beforeEach()
            addCase(series, labels, grids, to: &cases)
        }
        tellStrayReferences(&cases)
        tellDamagedFiles(&cases)
    }

    /// Contours of series that are not here.
    private func tellStrayReferences(_ cases: inout TrainingCases) {
        let present = Set(files.images.map(\.header.seriesInstanceUID))
        for file in files.references where present.isDisjoint(with: file.header.referencedSeriesInstanceUIDs) {
            let name = safeName(caseFolder(of: file.path) ?? "contours")
            let named = file.header.referencedSeriesInstanceUIDs
            let remark =
                if named.isEmpty {
                    "contours that name no series, and not the images of one that is here"
                } else if let modality = named.lazy.compactMap({ self.files.otherSeries[$0] }).first {
                    "contours of images that are no slices of a CT (Modality \(safeName(modality)))"
                } else {
                    "contours of a series that is not here"
                }
            cases.skipped.append(CaseRecord(name: name, role: .skipped, remark: remark))
        }
    }

    private func addCase(
        _ series: Series,
        _ labels: LabelFolder?,
        _ grids: [LabelFolder.Grid],
        to cases: inout TrainingCases
    ) {
        let (images, examination) = (series.images, series.examination)
        let name = uniqueName(images)
        func skip(_ reasons: [String]) {
            let remark = reasons.joined(separator: "; ")
            cases.skipped.append(CaseRecord(name: name, role: .skipped, remark: remark, slices: images.count))
        }
        let header = images[0].header
        let uid = header.seriesInstanceUID
        guard examination.isAcceptable, let geometry = examination.geometry else {
            return skip(examination.refusals.map(\.message) + damagedImages(of: uid))
        }
        let damaged = damagedImages(of: uid)
        guard damaged.isEmpty else { return skip(damaged) }
        let paths = images.map(\.path)
        do {
            if let labelMap = try labels?.path(of: (uid, geometry), among: grids) {
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
        guard contours.reasons.isEmpty else {
            return skip(contours.reasons + labelMapSegmentations(beside: images[0]) + damagedObjects(beside: images[0]))
        }
        cases.sources.append(referenceCase(name, paths, contours, scan))
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

    /// Objects in the folder of a case that hold its structures, in a way that is not read.
    private func labelMapSegmentations(beside image: TrainingFiles.DicomEntry) -> [String] {
        let folder = caseFolder(of: image.path)
        let objects = files.labelMapSegmentations.filter { caseFolder(of: $0.path) == folder }
        return objects.map { object in
            "\(safeName(Directory.name(of: object.path))) is a Label Map Segmentation, which is not read: write it as a binary one"
        }
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
        let (limits, meaning) = (limits, LabelMeaning(rois))
        let patient = patient(of: paths[0])
        return TrainingCaseSource(
            name: name,
            patient: patient.name,
            fingerprint: fingerprint(
                ofFiles: paths + [labelMap],
                salt: "labels \(meaning.table.sorted { $0.key < $1.key })"
            ),
            collection: patient.collection,
            hasPatientID: patient.id != nil,
            place: Directory.parent(of: paths[0]),
            aliases: [patient.id, caseFolder(of: paths[0]).flatMap { safeName($0) == $0 ? nil : $0 }].compactMap(\.self)
        ) {
            let ct = try loadCTSeries(files: paths, limits: limits).volume
            let (labels, remark) = try meaning.read(labelMap)
            return TrainingCase(
                ct: ct,
                labels: labels.resampledNearest(to: ct.geometry, outside: 0, threads: ProcessorCount.available),
                remark: remark
            )
        }
    }

    private func referenceCase(
        _ name: String,
        _ paths: [String],
        _ contours: SeriesContours,
        _ scan: ScanIdentity
    ) -> TrainingCaseSource {
        let (limits, rois, references, remark) = (limits, rois, contours.files, contours.remark)
        let names = rois.map { $0.roi.name + $0.patterns.joined() }.joined(separator: ",")
        let patient = patient(of: paths[0])
        return TrainingCaseSource(
            name: name,
            patient: patient.name,
            // The remark is kept with the voxels: it may change without the files that are read.
            fingerprint: fingerprint(ofFiles: paths + references.map(\.path), salt: "contours \(names)\(remark)"),
            collection: patient.collection,
            hasPatientID: patient.id != nil,
            place: Directory.parent(of: paths[0]),
            aliases: [patient.id, caseFolder(of: paths[0]).flatMap { safeName($0) == $0 ? nil : $0 }].compactMap(\.self)
        ) {
            let ct = try loadCTSeries(files: paths, limits: limits).volume
            return TrainingCase(
                ct: ct,
                labels: try referenceLabels(references, rois: rois, on: ct.geometry, scan: scan),
                remark: remark
            )
        }
    }

    /// Cases of one patient belong together; only a digest of the Patient ID is written down, and the public collection that
    /// it names. Without one, what lies in one folder is taken for one patient.
    private func patient(of path: String) -> (name: String, collection: String, id: String?) {
        // A file that cannot be opened fails again, with its reason, when the case is loaded.
        let id = (try? DicomFile(contentsOf: path, until: .pixelData))?.dataSet.string(.patientID)
        guard let id, !id.isEmpty else { return (safeName(Directory.parent(of: path)), "", nil) }
        let digest = SHA256Digest.hex(of: Data(id.utf8)).prefix(12)
        return ("patient-\(digest)", PublicCollection(patientID: id)?.rawValue ?? "", id)
    }
}

/// Length of the beginning that all paths have in common; 0 for a single one.
private func depthShared(by paths: [[String]]) -> Int {
    guard let first = paths.first, paths.count > 1 else { return 0 }
    let shared = first.indices.prefix { n in paths.allSatisfy { $0.count > n && $0[n] == first[n] } }.count
    // A series in the shared folder itself is called after that.
    return paths.contains { $0.count == shared } ? max(0, shared - 1) : shared
}
