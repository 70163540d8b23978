import Foundation
import Imaging
import Nifti
import Pipeline
import Platform
import Segmentation

/// Axes along those of the patient, the first voxel at 0, 0, 0; spacing in mm.
func uprightGrid(_ i: Int, _ j: Int, _ k: Int, spacing: Vector3) -> VolumeGeometry {
    VolumeGeometry(
        dimensions: Dimensions(i: i, j: j, k: k),
        origin: PatientPoint(x: 0, y: 0, z: 0),
        spacing: spacing,
        directionI: Vector3(1, 0, 0),
        directionJ: Vector3(0, 1, 0),
        directionK: Vector3(0, 0, 1),
        frameOfReferenceUID: ""
    )
}

/// What a CT has: its values are Hounsfield units.
func airAndTissue(_ grid: VolumeGeometry) -> Volume<Int16> {
    Volume(geometry: grid, voxels: (0..<grid.dimensions.voxelCount).map { $0 % 2 == 0 ? -800 : 40 })
}

extension Folder {
    /// Writes patients in NIfTI that take a moment, no two alike, with every second voxel of some slices in `Lung_L` (1) and `second`.
    func pairs(_ patients: [String], in name: String, second: UInt8 = 2) throws {
        let grid = uprightGrid(8, 8, 4, spacing: Vector3(2, 2, 3))
        try Directory.create(file(name))
        for (index, patient) in patients.enumerated() {
            var labels = Volume<UInt8>(geometry: grid, repeating: 0)
            for n in (40 + index)..<200 { labels.voxels[n] = n % 2 == 0 ? 1 : second }
            // Air and soft tissue around the structures: a CT has both.
            let voxels = labels.voxels.enumerated().map { n, label in
                label == 0 ? Int16(n % 4 == 0 ? -900 : 40) : Int16(label) * -300
            }
            let image = Volume<Int16>(geometry: grid, voxels: voxels)
            try NiftiFile.write(image, to: file("\(name)/\(patient).nii.gz"))
            try NiftiFile.write(labels, to: file("\(name)/\(patient)_label.nii.gz"))
        }
    }

    /// A training of one step on folders of them.
    func request(_ split: SplitConfiguration, data: [String] = ["data"]) throws -> TrainRequest {
        var recipe = try SmallModel.recipe()
        recipe.split = split
        recipe.optimisation = OptimisationConfiguration(epochs: 1, stepsPerEpoch: 1, batchSize: 1, warmUpSteps: 0)
        return TrainRequest(
            dataDirectories: data.map(file),
            labelsDirectory: nil,
            output: file("model"),
            workDirectory: file("work"),
            configuration: recipe,
            threads: 1,
            scoresCases: false
        )
    }
}
