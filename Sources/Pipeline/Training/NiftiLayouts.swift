import Platform
import Segmentation

struct NiftiPair: Sendable, Equatable {
    /// Without suffix and without the channel of nnU-Net; two folders can have the same.
    var name: String
    var image: String
    /// Its label maps, at least one: which one is meant, nobody says.
    var labels: [String]
    /// Where nnU-Net puts the second channel of the same image.
    var secondChannel: String
}

/// Pairs by name: `imagesTr/N_0000.nii.gz` or `imagesTr/N.nii.gz` with `labelsTr/N.nii.gz` (also `images`/`labels`), or
/// `N.nii.gz` beside `N_label.nii.gz`, `N_labels`, `N_seg` or `N_mask`.
func niftiPairs(_ paths: [String]) -> [NiftiPair] {
    let known = Set(paths)
    return paths.compactMap { path in
        let folder = Directory.parent(of: path)
        let stem = stem(path)
        let name = stem.hasSuffix("_0000") ? String(stem.dropLast(5)) : stem
        var candidates: [String] = []
        for (images, labels) in [("imagesTr", "labelsTr"), ("images", "labels")] where folder.hasSuffix("/" + images) {
            candidates += [".nii.gz", ".nii"].map { folder.dropLast(images.count) + labels + "/" + name + $0 }
        }
        for suffix in ["_label", "_labels", "_seg", "_mask"] {
            candidates += [".nii.gz", ".nii"].map { "\(folder)/\(name)\(suffix)\($0)" }
        }
        let labels = candidates.filter { known.contains($0) && $0 != path }
        guard !labels.isEmpty else { return nil }
        return NiftiPair(
            name: name,
            image: path,
            labels: labels,
            secondChannel: "\(folder)/\(name)_0001\(path.dropFirst(folder.count + 1 + stem.count))"
        )
    }
}

/// A case with one file for each structure.
struct StructureFolder: Sendable, Equatable {
    var name: String
    var image: String
    var masks: [String]
}

/// Folders that hold one image and a mask for each structure: masks beside the image, or in a folder below it
/// (`segmentations`, as TotalSegmentator has it, `masks`, `structures`, `rois` or `contours`). The image is the file called
/// `ct`, `image`, `img`, `volume` or `scan`; above a folder of masks, the only one there is.
///
/// - Returns: the cases, and the files that belong to none.
func structureFolders(_ paths: [String], rois: [TrainingROI]) -> (folders: [StructureFolder], others: [String]) {
    let below = Set(["segmentations", "masks", "structures", "rois", "contours"])
    let groups = Dictionary(grouping: paths) { path in
        let folder = Directory.parent(of: path)
        return below.contains(Directory.name(of: folder).lowercased()) ? Directory.parent(of: folder) : folder
    }
    var (folders, others): ([StructureFolder], [String]) = ([], [])
    for (folder, files) in groups.sorted(by: { $0.key < $1.key }) {
        let inside = files.filter { Directory.parent(of: $0) != folder }
        let beside = files.filter { Directory.parent(of: $0) == folder }
        let named = zip(beside, rois.labels(of: beside.map(stem)))
        let masks = inside + named.filter { $1 != nil }.map(\.0)
        let images = named.filter { $1 == nil }.map(\.0)
        let called = images.filter { ["ct", "image", "img", "volume", "scan"].contains(stem($0).lowercased()) }
        // Beside masks, a file that is only not known as one may be a mask all the same, such as a union.
        let candidates = called.isEmpty && !inside.isEmpty ? images : called
        guard !masks.isEmpty, candidates.count == 1, let image = candidates.first else {
            others += files
            continue
        }
        folders.append(
            StructureFolder(
                name: Directory.name(of: folder),
                image: image,
                masks: (masks + images.filter { $0 != image }).sorted()
            )
        )
    }
    return (folders, others)
}

/// The name of a NIfTI file without `.nii` or `.nii.gz`.
func stem(_ path: String) -> String {
    let name = Directory.name(of: path)
    return String(name.dropLast(name.hasSuffix(".nii.gz") ? 7 : 4))
}
