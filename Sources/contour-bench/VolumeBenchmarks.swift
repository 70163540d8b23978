import Foundation
import Imaging
import Metrics

extension Benchmark {
    static let volumes = [
        Benchmark(name: "resample-linear", work: "512 x 512 x 300 CT to 1.5 mm") { settings in
            let ct = LungShapes.ct()
            let target = ct.geometry.resampled(spacing: Vector3(repeating: 1.5))
            return Workload(bytes: Double(ct.voxels.count * 2 + target.dimensions.voxelCount * 4)) {
                _ = ct.resampledLinear(to: target, outside: -1000, threads: settings.threads)
            }
        },
        Benchmark(name: "resample-nearest", work: "labels of the same size") { settings in
            let labels = LungShapes.masks().left
            let target = labels.geometry.resampled(spacing: Vector3(repeating: 1.5))
            return Workload(bytes: Double(labels.voxels.count + target.dimensions.voxelCount)) {
                _ = labels.resampledNearest(to: target, outside: 0, threads: settings.threads)
            }
        },
        Benchmark(name: "surface-dice", work: "surface Dice at 2 mm and HD95 of both lungs, 512 x 512 x 300") {
            settings in
            let reference = LungShapes.both()
            let prediction = LungShapes.both(shift: 1.5, wobble: 0.4)
            return Workload {
                let distances = SurfaceDistances(
                    reference: reference,
                    prediction: prediction,
                    threads: settings.threads
                )
                _ = (distances.surfaceDice(toleranceMM: 2), distances.hausdorff(percentile: 95))
            }
        },
        Benchmark(name: "edt", work: "Euclidean distance transform, 260 x 288 x 334") { settings in
            let dimensions = Dimensions(i: 260, j: 288, k: 334)
            var features = [UInt8](repeating: 0, count: dimensions.voxelCount)
            for n in stride(from: 0, to: features.count, by: 997) { features[n] = 1 }
            return Workload {
                _ = euclideanDistance(
                    to: features,
                    dimensions: dimensions,
                    spacing: Vector3(1, 1, 1),
                    threads: settings.threads
                )
            }
        },
        Benchmark(name: "components", work: "two largest components, 512 x 512 x 300") { _ in
            let masks = LungShapes.masks()
            var both = masks.left
            for n in both.voxels.indices where masks.right.voxels[n] != 0 { both.voxels[n] = 1 }
            return Workload { _ = both.keepingLargestComponents(2) }
        },
    ]
}

/// Two ellipsoids of the size of lungs in a grid of a usual CT.
enum LungShapes {
    static let geometry = VolumeGeometry(
        dimensions: Dimensions(i: 512, j: 512, k: 300),
        origin: PatientPoint(x: -200, y: -200, z: 0),
        spacing: Vector3(0.78, 0.78, 1),
        directionI: Vector3(1, 0, 0),
        directionJ: Vector3(0, 1, 0),
        directionK: Vector3(0, 0, 1),
        frameOfReferenceUID: ""
    )

    /// - Parameter shift: in slices.
    static func masks(shift: Int = 0) -> (left: Mask, right: Mask) {
        (ellipsoid(column: 370, shift: shift), ellipsoid(column: 140, shift: shift))
    }

    /// Both lungs with an uneven surface, at 0.8 x 0.8 x 1 mm.
    ///
    /// - Parameters:
    ///   - shift: of both lungs, in voxels along columns and slices.
    ///   - wobble: phase of the unevenness.
    static func both(shift: Double = 0, wobble: Double = 0) -> Mask {
        var geometry = geometry
        geometry.spacing = Vector3(0.8, 0.8, 1)
        var mask = Mask(geometry: geometry, repeating: 0)
        for (centre, side) in [(170.0, 1.0), (342.0, -1.0)] {
            let across = (0..<512).map { cos(Double($0) / 13) }
            for k in 0..<300 {
                let z = (Double(k) - 150 - shift) / 125
                for j in 0..<512 {
                    let y = (Double(j) - 256) / 140
                    let base = 1 + 0.06 * sin(Double(k) / 11 + side + wobble)
                    let wave = 0.05 * sin(Double(j) / 17 + wobble)
                    for i in 0..<512 {
                        let x = (Double(i) - centre - shift) / 78
                        if z * z + y * y + x * x < base + wave * across[i] { mask[i, j, k] = 1 }
                    }
                }
            }
        }
        return mask
    }

    static func ct() -> Volume<Int16> {
        let (left, right) = masks()
        return Volume(
            geometry: geometry,
            voxels: zip(left.voxels, right.voxels).enumerated().map { n, lungs in
                Int16(lungs.0 != 0 || lungs.1 != 0 ? -850 : 40) + Int16(n % 23)
            }
        )
    }

    private static func ellipsoid(column: Int, shift: Int) -> Mask {
        var mask = Mask(geometry: geometry, repeating: 0)
        for k in 0..<300 {
            for j in 0..<512 {
                for i in 0..<512 {
                    let (x, y, z) = (Double(i - column) / 85, Double(j - 256) / 120, Double(k - 150 - shift) / 135)
                    if x * x + y * y + z * z <= 1 { mask[i, j, k] = 1 }
                }
            }
        }
        return mask
    }
}
