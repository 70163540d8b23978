import Dicom
import Foundation
import Imaging
import Nifti
import Platform
import Segmentation

/// Finds images and label maps in NIfTI.
struct NiftiCaseFinder {
    let files: TrainingFiles
    let rois: [TrainingROI]
    let limits: AdmissionLimits
    /// Label maps are found elsewhere: files without a partner need no word.
    let hasLabelFolder: Bool
    private var takenNames = Set<String>()

    init(files: TrainingFiles, rois: [TrainingROI], limits: AdmissionLimits, hasLabelFolder: Bool) {
        (self.files, self.rois, self.limits, self.hasLabelFolder) = (files, rois, limits, hasLabelFolder)
    }

    mutating func addCases(to cases: inout TrainingCases) {
        let pairs = niftiPairs(files.nifti)
        for pair in pairs { add(pair, to: &cases) }
        let paired = Set(pairs.flatMap { [$0.image] + $0.labels })
        let (folders, others) = structureFolders(files.nifti.filter { !paired.contains($0) }, rois: rois)
        for folder in folders { add(folder, to: &cases) }
        if !hasLabelFolder { tellStrays(others, &cases) }
    }

    private mutating func add(_ pair: NiftiPair, to cases: inout TrainingCases) {
        let name = uniqueName(pair.name)
        let (limits, rois) = (limits, rois)
        do {
            try requirePlaces([pair.image] + pair.labels)
            let meaning = try labelMeaning(of: pair, &cases)
            let salt = "nifti \(meaning.table.sorted { $0.key < $1.key }) \(meaning.ignored ?? 0) \(meaning.note)"
            cases.sources.append(
                TrainingCaseSource(
                    name: name,
                    patient: name,
                    fingerprint: fingerprint(ofFiles: [pair.image] + pair.labels, salt: salt),
                    place: pair.image,
                    aliases: [pair.name]
                ) {
                    let ct = try readImage(pair.image, limits)
                    let (labels, remark) = try meaning.read(pair.labels[0])
                    let drawn = try onGrid(labels, ct.geometry, "label map")
                    for other in pair.labels.dropFirst() {
                        let others = try onGrid(meaning.read(other).labels, ct.geometry, "label map")
                        try requireAgreement((pair.labels[0], drawn), (other, others), rois)
                    }
                    return TrainingCase(ct: ct, labels: drawn, remark: remark)
                }
            )
        } catch {
            cases.skipped.append(CaseRecord(name: name, role: .skipped, remark: "\(error)"))
        }
    }

    private func labelMeaning(of pair: NiftiPair, _ cases: inout TrainingCases) throws -> LabelMeaning {
        if files.nifti.contains(where: { $0 == pair.secondChannel }) {
            throw UnusableCase("an image of several channels")
        }
        // The nearest: a folder of data sets may have one, too.
        let datasets = files.datasets.filter { pair.image.hasPrefix(Directory.parent(of: $0) + "/") }
        guard let dataset = datasets.max(by: { $0.count < $1.count }) else { return LabelMeaning(rois) }
        let description: DatasetDescription
        do { description = try DatasetDescription(contentsOf: dataset) } catch {
            throw UnusableCase("its dataset.json cannot be read: \(error.localizedDescription)")
        }
        if let channel = description.channelThatIsNoCT {
            throw UnusableCase(
                "dataset.json calls its images \"\(safeName(channel))\", which is no CT; where they are CTs, call them CT there"
            )
        }
        let names = description.labels.sorted { $0.value < $1.value }
        var table: [UInt8: UInt8] = [:]
        var merged: [UInt8: [String]] = [:]
        for (entry, label) in zip(names, rois.labels(of: names.map(\.key))) {
            if let label {
                table[entry.value] = label
                merged[label, default: []].append(entry.key)
            } else {
                cases.unmatchedNames[entry.key, default: 0] += 1
            }
        }
        let missing = rois.filter { !table.values.contains(UInt8($0.roi.label)) }.map(\.roi.name)
        guard missing.isEmpty else {
            throw UnusableCase("dataset.json names no \(missing.joined(separator: " and no "))")
        }
        let notes = merged.filter { $1.count > 1 }.sorted { $0.key < $1.key }.map { label, names in
            let all = names.count == 2 ? "both" : "all"
            return "\(names.joined(separator: " and ")) of dataset.json are \(all) \(rois[Int(label) - 1].roi.name)"
        }
        return LabelMeaning(
            table: table,
            namedValues: description.namedValues,
            ignored: description.ignoredLabel,
            note: notes.joined(separator: "; ")
        )
    }

    private mutating func add(_ folder: StructureFolder, to cases: inout TrainingCases) {
        let name = uniqueName(folder.name)
        let stems = folder.masks.map(stem)
        let labels = rois.labels(of: stems)
        for (stem, label) in zip(stems, labels) where label == nil { cases.unmatchedNames[stem, default: 0] += 1 }
        let masks = zip(folder.masks, labels).compactMap { path, label in label.map { (path: path, label: $0) } }
        let missing = rois.filter { roi in !masks.contains { $0.label == UInt8(roi.roi.label) } }.map(\.roi.name)
        guard missing.isEmpty else {
            let remark = "without \(missing.joined(separator: ", "))"
            cases.skipped.append(CaseRecord(name: name, role: .skipped, remark: remark))
            return
        }
        let (image, limits) = (folder.image, limits)
        do { try requirePlaces([image] + masks.map(\.path)) } catch {
            cases.skipped.append(CaseRecord(name: name, role: .skipped, remark: "\(error)"))
            return
        }
        cases.sources.append(
            TrainingCaseSource(
                name: name,
                patient: name,
                fingerprint: fingerprint(ofFiles: [image] + masks.map(\.path), salt: "masks \(masks.map(\.label))"),
                place: image,
                aliases: [folder.name]
            ) {
                let ct = try readImage(image, limits)
                let structures = masks.map { path, label in
                    let file = Directory.name(of: path)
                    return DrawnStructure(label: label, name: file) {
                        try onGrid(try NiftiFile.readLabels(path), ct.geometry, file)
                    }
                }
                // A mask without a voxel says that the structure is not there.
                let labels = try labelMap(of: structures, on: ct.geometry) { _ in }
                return TrainingCase(ct: ct, labels: labels)
            }
        )
    }

    /// One row for each folder: a data set can have thousands of images without labels.
    private func tellStrays(_ paths: [String], _ cases: inout TrainingCases) {
        for (folder, strays) in Dictionary(grouping: paths, by: Directory.parent).sorted(by: { $0.key < $1.key }) {
            let remark =
                strays.count == 1
                ? "\(safeName(Directory.name(of: strays[0]))) has no partner: an image needs a label map"
                : "\(strays.count) NIfTI files without a partner: an image needs a label map"
            cases.skipped.append(CaseRecord(name: safeName(Directory.name(of: folder)), role: .skipped, remark: remark))
        }
    }

    private mutating func uniqueName(_ name: String) -> String {
        var unique = safeName(name)
        while !takenNames.insert(unique).inserted { unique += "_" }
        return unique
    }
}

/// Left and right are learned from where files say that they lie.
private func requirePlaces(_ paths: [String]) throws {
    for path in paths {
        guard try NiftiFile.hasPlace(path) else {
            throw UnusableCase("\(safeName(Directory.name(of: path))) \(withoutPlace)")
        }
    }
}

/// What is wrong with a NIfTI file without a place, and what to do: the end of a sentence about it.
let withoutPlace =
    "has neither sform nor qform: nothing says where it lies and which side is the left one; write it again from the original "
    + "images, with its place"

/// HU of a NIfTI image, under the rules that the values of a DICOM series are admitted by.
private func readImage(_ path: String, _ limits: AdmissionLimits) throws -> Volume<Int16> {
    let image = try NiftiFile.read(path)
    let undefined = image.voxels.count { !$0.isFinite }
    guard undefined == 0 else {
        let are = undefined == 1 ? "is not a number" : "are not numbers"
        throw UnusableCase("\(counted(undefined, "voxel")) of the image \(are) (NaN or infinite)")
    }
    let conversion = HounsfieldConversion(
        slope: 1,
        intercept: 0,
        padding: nil,
        undeclaredPaddingHU: limits.undeclaredPaddingHU
    )
    var counts = HUCounts()
    let voxels = image.voxels.map { value in
        // HU fit 16 bits; what does not is metal or padding, and keeps its sign.
        conversion.hounsfield(Int32(min(max(value.rounded(), -32768), 32767)), counting: &counts, limits)
    }
    let refusals = counts.refusals(limits)
    guard refusals.isEmpty else {
        throw UnusableCase(
            refusals.map(\.message).joined(separator: " ")
                + " Convert the original CT images again, with their Rescale Slope and Intercept"
        )
    }
    return Volume(geometry: image.geometry, voxels: voxels)
}

/// Refuses two label maps of one image that show a structure of the recipe differently.
private func requireAgreement(
    _ a: (path: String, labels: Volume<UInt8>),
    _ b: (path: String, labels: Volume<UInt8>),
    _ rois: [TrainingROI]
) throws {
    for roi in rois {
        let masks = [a, b].map { path, labels in
            let name = "\(roi.roi.name) of \(safeName(Directory.name(of: path)))"
            let voxels = labels.voxels.map { $0 == UInt8(roi.roi.label) ? UInt8(1) : 0 }
            return (name: name, mask: Mask(geometry: labels.geometry, voxels: voxels))
        }
        try requireAgreement(masks[0], masks[1])
    }
}

/// Labels in the order of the image's voxels.
private func onGrid(_ labels: Volume<UInt8>, _ grid: VolumeGeometry, _ what: String) throws -> Volume<UInt8> {
    guard labels.geometry.hasSameGrid(as: grid) else {
        throw UnusableCase("image and \(what) lie on different grids")
    }
    return labels.resampledNearest(to: grid, outside: 0, threads: 1)
}
