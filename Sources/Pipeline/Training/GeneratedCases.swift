import Imaging
import Phantom
import Segmentation

/// The synthetic patients of a recipe. A case is made when the cache asks for it: only then it costs anything.
package func generatedCases(
    _ generator: GeneratorConfiguration,
    rois: [TrainingROI],
    threads: Int
) -> [TrainingCaseSource] {
    let labels = labelsByOrgan(rois)
    return (generator.trainingNames + generator.validationNames).enumerated().map { index, name in
        let seed = generator.firstSeed &+ UInt64(index)
        return TrainingCaseSource(
            name: name,
            patient: name,
            fingerprint: """
                \(PhantomCase.version) \(seed) \(generator.columns) \(generator.maximumSlices) \
                \(generator.diseaseFactor) \(labels)
                """
        ) {
            let drawn = RandomPhantom(
                seed: seed,
                columns: generator.columns,
                maximumSlices: generator.maximumSlices,
                diseaseFactor: generator.diseaseFactor
            )
            let phantom = drawn.generate(threads: threads)
            return TrainingCase(
                ct: phantom.ct,
                labels: Volume(geometry: phantom.ct.geometry, voxels: phantom.organs.voxels.map { labels[Int($0)] })
            )
        }
    }
}

/// Name pattern of the generated cases that only validate.
let generatedValidationPattern = "generated-validation-*"

/// The recipe's label of each organ of the phantom, 0 for none. Structures whose names the recipe does not know
/// stay out.
private func labelsByOrgan(_ rois: [TrainingROI]) -> [UInt8] {
    var table = [UInt8](repeating: 0, count: 256)
    // In the order of the recipe the first wins, as with contours that overlap.
    for (name, found) in zip(PhantomCase.structures, rois.labels(of: PhantomCase.structures)) {
        guard let label = found else { continue }
        for organ in PhantomCase.organs(of: name)
        where table[Int(organ.rawValue)] == 0 || table[Int(organ.rawValue)] > label {
            table[Int(organ.rawValue)] = label
        }
    }
    return table
}
