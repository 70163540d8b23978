import Dicom
import Foundation
import Imaging
import Platform
import Segmentation

/// What was found in a training folder.
package struct TrainingCases: Sendable {
    package var sources: [TrainingCaseSource] = []
    /// Series and images that cannot be used, with the reason.
    package var skipped: [CaseRecord] = []
    /// Names of structures that match no ROI of the recipe, each with the number of cases that have it.
    package var unmatchedNames: [String: Int] = [:]

    package init() {}
}

/// Finds the cases in folders: DICOM series with the RT Structure Sets or Segmentations that refer to them
/// (nested as deep as TCIA delivers them), NIfTI pairs (nnU-Net and Medical Segmentation Decathlon layouts, and
/// `NAME.nii.gz` beside `NAME_label.nii.gz`), NIfTI images with one file for each structure, and CT series whose label
/// maps lie in a folder of their own. Links are followed.
///
/// - Parameter labels: label maps (NIfTI) for CT series, found by Series Instance UID in the file's name or by
///   their grid.
/// - Parameter progress: called before each file and each series is looked at; what it throws ends the work.
package func findTrainingCases(
    in directories: [String],
    labels: String?,
    rois: [TrainingROI],
    limits: AdmissionLimits = AdmissionLimits(),
    progress: (TrainingProgress) throws -> Void = { _ in }
) throws -> TrainingCases {
    func beforeEach() throws { try progress(TrainingProgress(phase: .finding)) }
    let labelMaps = labels.map { LabelFolder(directory: $0) }
    var cases = TrainingCases()
    var finders: [DicomCaseFinder] = []
    for directory in directories {
        let files = try TrainingFiles(below: directory, beforeEach)
        var nifti = NiftiCaseFinder(files: files, rois: rois, limits: limits, hasLabelFolder: labels != nil)
        nifti.addCases(to: &cases)
        finders.append(
            DicomCaseFinder(
                root: URL(fileURLWithPath: directory).resolvingSymlinksInPath().path,
                files: files,
                rois: rois,
                limits: limits
            )
        )
        cases.skipped += files.unreadable.map(\.record)
        if let remark = files.emptiness {
            cases.skipped.append(
                CaseRecord(name: safeName(Directory.name(of: directory)), role: .skipped, remark: remark)
            )
        }
    }
    let grids = finders.flatMap(\.grids)
    for finder in finders { try finder.addCases(to: &cases, labels: labelMaps, grids: grids, beforeEach) }
    cases.skipped += labelMaps?.unreadable.map(\.record) ?? []
    for unused in labelMaps?.unusedFiles(series: grids) ?? [] {
        cases.skipped.append(
            CaseRecord(name: unused.name, role: .skipped, remark: unused.reason)
        )
    }
    cases.sources.sort { $0.name < $1.name }
    for (a, b) in zip(cases.sources, cases.sources.dropFirst()) where a.name == b.name {
        throw SegmentationError.noUsableCases(message: sameName(a, b))
    }
    return cases
}

/// What is wrong with two cases of one name, and what to do.
private func sameName(_ a: TrainingCaseSource, _ b: TrainingCaseSource) -> String {
    a.place == b.place
        ? "\(a.place) lies in two folders of --data; name each case once"
        : "two cases are called \(a.name): \(a.place) and \(b.place); rename one of their folders or files"
}

extension Array where Element == TrainingROI {
    /// The label of the ROI that each of an object's structures is; nil for those that are none.
    ///
    /// The first ROI whose patterns match a name as it is written. A ROI for which the object has no such name takes
    /// the first one that means the same (`StructureName`): an `auto` copy never joins what a person drew.
    func labels(of names: [String]) -> [UInt8?] {
        let patterns = map { roi in (UInt8(roi.roi.label), roi.patterns.map(NamePattern.init)) }
        var labels = names.map { name in patterns.first { $0.1.contains { $0.matches(name) } }?.0 }
        for (label, patterns) in patterns where !labels.contains(label) {
            let found = names.indices.first { index in
                labels[index] == nil && patterns.contains { $0.means(names[index]) }
            }
            if let found { labels[found] = label }
        }
        return labels
    }
}
