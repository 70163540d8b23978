import Foundation
import Imaging
import Nifti
import Platform
import Segmentation

/// `dataset.json` of nnU-Net (`{"labels": {"background": 0, "Lung_L": 1}}`) or of the Medical Segmentation Decathlon
/// (`{"labels": {"0": "background", "1": "Lung_L"}}`).
struct DatasetDescription {
    /// Label by structure name.
    var labels: [String: UInt8] = [:]

    init(contentsOf path: String) throws {
        let json = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path)))
        let table = (json as? [String: Any])?["labels"] as? [String: Any] ?? [:]
        for (key, value) in table {
            if let name = value as? String, let label = UInt8(key) {
                labels[name] = label
            } else if let label = value as? Int, (0...255).contains(label) {
                labels[key] = UInt8(label)
            }
        }
    }
}

/// Pairs of images and label maps in NIfTI.
func addNiftiCases(_ files: TrainingFiles, rois: [TrainingROI], to cases: inout TrainingCases) throws {
    for pair in niftiPairs(files.nifti) {
        let table: [UInt8: UInt8]
        if let dataset = files.datasets.first(where: { pair.image.hasPrefix(Directory.parent(of: $0) + "/") }) {
            let known = try DatasetDescription(contentsOf: dataset).labels.filter { $0.value != 0 }
            let names = known.sorted { $0.value < $1.value }
            var matched: [(UInt8, UInt8)] = []
            for (entry, label) in zip(names, rois.labels(of: names.map(\.key))) {
                if let label {
                    matched.append((entry.value, label))
                } else {
                    cases.unmatchedNames[entry.key, default: 0] += 1
                }
            }
            table = Dictionary(matched, uniquingKeysWith: { first, _ in first })
        } else {
            table = rois.labelTable
        }
        guard !table.isEmpty else {
            cases.skipped.append(
                CaseRecord(name: pair.name, role: .skipped, remark: "dataset.json names no structure of the recipe")
            )
            continue
        }
        cases.sources.append(
            TrainingCaseSource(
                name: pair.name,
                patient: pair.name,
                fingerprint: fingerprint(
                    ofFiles: [pair.image, pair.label],
                    salt: "nifti \(table.sorted { $0.key < $1.key })"
                )
            ) { try loadNiftiPair(pair, table) }
        )
    }
}

struct NiftiPair: Sendable, Equatable {
    var name: String
    var image: String
    var label: String
}

/// Pairs by name: `imagesTr/N_0000.nii.gz` or `imagesTr/N.nii.gz` with `labelsTr/N.nii.gz` (also `images`/`labels`), or
/// `N.nii.gz` beside `N_label.nii.gz`, `N_labels`, `N_seg` or `N_mask`.
func niftiPairs(_ paths: [String]) -> [NiftiPair] {
    let known = Set(paths)
    var taken = Set<String>()
    var pairs: [NiftiPair] = []
    for path in paths {
        let folder = Directory.parent(of: path)
        let file = Directory.name(of: path)
        let ending = file.hasSuffix(".nii.gz") ? ".nii.gz" : ".nii"
        let stem = String(file.dropLast(ending.count))
        let name = stem.hasSuffix("_0000") ? String(stem.dropLast(5)) : stem
        var candidates: [String] = []
        for (images, labels) in [("imagesTr", "labelsTr"), ("images", "labels")] where folder.hasSuffix("/" + images) {
            candidates += [".nii.gz", ".nii"].map { folder.dropLast(images.count) + labels + "/" + name + $0 }
        }
        for suffix in ["_label", "_labels", "_seg", "_mask"] {
            candidates += [".nii.gz", ".nii"].map { "\(folder)/\(name)\(suffix)\($0)" }
        }
        guard let label = candidates.first(where: { known.contains($0) && $0 != path }) else { continue }
        var unique = safeName(name)
        while !taken.insert(unique).inserted { unique += "_" }
        pairs.append(NiftiPair(name: unique, image: path, label: label))
    }
    return pairs
}

private func loadNiftiPair(_ pair: NiftiPair, _ table: [UInt8: UInt8]) throws -> TrainingCase {
    let image = try NiftiFile.read(pair.image)
    // HU fit 16 bits; what does not is metal or padding, and keeps its sign.
    let ct = Volume(geometry: image.geometry, voxels: image.voxels.map { Int16(min(max($0.rounded(), -32768), 32767)) })
    let labels = relabelled(try NiftiFile.readLabels(pair.label), table)
    guard labels.geometry.hasSameGrid(as: ct.geometry) else {
        throw SegmentationError.wrongInput(message: "image and label map lie on different grids")
    }
    return TrainingCase(ct: ct, labels: labels.resampledNearest(to: ct.geometry, outside: 0, threads: 1))
}
