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
    /// Structures that a series with contours lacks, by case.
    private var missingNames: [String: [String]] = [:]
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
        for stack in series { addCase(stack.indices.map { files.images[$0] }, to: &cases) }
    }

    private func addCase(_ images: [TrainingFiles.DicomEntry], to cases: inout TrainingCases) {
        let name = uniqueName(images)
        let examination = examineStack(images.map(\.header), limits: limits)
        guard examination.isAcceptable, let geometry = examination.geometry else {
            let reasons = examination.refusals.map(\.message).joined(separator: "; ")
            cases.skipped.append(CaseRecord(name: name, role: .skipped, remark: reasons, slices: images.count))
            return
        }
        let uid = images[0].header.seriesInstanceUID
        geometries.append((uid, geometry))
        let paths = images.map(\.path)
        if let labelMap = labels?.path(seriesInstanceUID: uid, geometry: geometry) {
            cases.sources.append(labelMapCase(name, paths, labelMap))
        } else if let source = referenceCase(name, paths, uid, &cases) {
            cases.sources.append(source)
        } else {
            let remark =
                missingNames[name].map { "without \($0.joined(separator: ", "))" }
                ?? "no contours of the recipe's structures"
            cases.skipped.append(CaseRecord(name: name, role: .skipped, remark: remark, slices: images.count))
        }
    }

    /// The folder below the root that the series lies in; series that share one get a number.
    private func uniqueName(_ images: [TrainingFiles.DicomEntry]) -> String {
        let path = URL(fileURLWithPath: images[0].path).path
        let relative = path.hasPrefix(root + "/") ? String(path.dropFirst(root.count + 1)) : path
        let parts = relative.split(separator: "/")
        let base = safeName(parts.count > 1 ? String(parts[0]) : "series")
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
        return TrainingCaseSource(
            name: name,
            patient: patient(of: paths[0]),
            fingerprint: fingerprint(ofFiles: paths + [labelMap], salt: "labels \(table.sorted { $0.key < $1.key })")
        ) {
            let ct = try loadCTSeries(files: paths, limits: limits).volume
            let labels = relabelled(try NiftiFile.readLabels(labelMap), table)
            return TrainingCase(
                ct: ct,
                labels: labels.resampledNearest(to: ct.geometry, outside: 0, threads: ProcessorCount.available)
            )
        }
    }

    /// A case whose contours come from the objects that refer to the series; nil when none has a structure of the
    /// recipe. A structure that is missing must not be learned as background, so such a case is skipped.
    private func referenceCase(
        _ name: String,
        _ paths: [String],
        _ uid: String,
        _ cases: inout TrainingCases
    ) -> TrainingCaseSource? {
        var matched: [TrainingReference] = []
        var labels = Set<UInt8>()
        for file in files.references where file.header.referencedSeriesInstanceUIDs.contains(uid) {
            let reference = TrainingReference(path: file.path, kind: file.header.kind)
            // An object that cannot be read contours nothing; the series then says that it has no contours.
            let names = (try? reference.structureNames()) ?? []
            let known = self.rois.labels(of: names)
            for (name, label) in zip(names, known) where label == nil { cases.unmatchedNames[name, default: 0] += 1 }
            let found = known.compactMap(\.self)
            if !found.isEmpty { matched.append(reference) }
            labels.formUnion(found)
        }
        let missing = self.rois.filter { !labels.contains(UInt8($0.roi.label)) }.map(\.roi.name)
        guard missing.isEmpty else {
            if !matched.isEmpty { missingNames[name] = missing }
            return nil
        }
        let (limits, rois) = (limits, rois)
        let names = rois.map { $0.roi.name + $0.patterns.joined() }.joined(separator: ",")
        let references = matched
        return TrainingCaseSource(
            name: name,
            patient: patient(of: paths[0]),
            fingerprint: fingerprint(ofFiles: paths + references.map(\.path), salt: names)
        ) {
            let ct = try loadCTSeries(files: paths, limits: limits).volume
            return TrainingCase(ct: ct, labels: try referenceLabels(references, rois: rois, on: ct.geometry))
        }
    }

    /// Cases of one patient belong together; only a digest of the Patient ID is kept.
    private func patient(of path: String) -> String {
        // A file that cannot be opened fails again, with its reason, when the case is loaded.
        let id = (try? DicomFile(contentsOf: path, until: .pixelData))?.dataSet.string(.patientID)
        guard let id, !id.isEmpty else { return safeName(Directory.parent(of: path)) }
        return "patient-" + SHA256Digest.hex(of: Data(id.utf8)).prefix(12)
    }
}
