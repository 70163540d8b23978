import Foundation
import Imaging
import Metrics
import NeuralNet

extension Benchmark {
    static let volumes = [
        Benchmark(name: "resample-linear", work: "512 x 512 x 300 CT to 1.5 mm") { settings in
            let ct = LungShapes.ct()
            let target = ct.geometry.resampled(spacing: Vector3(repeating: 1.5))
            func run() -> Volume<Float> { ct.resampledLinear(to: target, outside: -1000, threads: settings.threads) }
            return Workload(
                bytes: Double(ct.voxels.count * 2 + target.dimensions.voxelCount * 4),
                run: { _ = run() },
                check: {
                    ResultCheck(
                        reference: "HU, trilinear interpolation voxel by voxel in double precision",
                        error: NaiveVolumes.linearError(run(), of: ct, outside: -1000, threads: settings.threads),
                        allowed: 1e-2
                    )
                }
            )
        },
        Benchmark(name: "resample-nearest", work: "labels of the same size") { settings in
            let labels = LungShapes.both()
            let target = labels.geometry.resampled(spacing: Vector3(repeating: 1.5))
            func run() -> Mask { labels.resampledNearest(to: target, outside: 0, threads: settings.threads) }
            return Workload(
                bytes: Double(labels.voxels.count + target.dimensions.voxelCount),
                run: { _ = run() },
                check: {
                    ResultCheck(
                        reference: "voxels that are not the nearest one, looked up one by one",
                        error: NaiveVolumes.nearestErrors(run(), of: labels, threads: settings.threads),
                        allowed: 0
                    )
                }
            )
        },
        Benchmark(name: "surface-dice", work: "surface Dice at 2 mm and HD95 of both lungs, 512 x 512 x 300") {
            settings in
            let reference = LungShapes.both()
            let prediction = LungShapes.both(shift: 1.5, wobble: 0.4)
            func run() -> (Double?, Double?) {
                let distances = SurfaceDistances(
                    reference: reference,
                    prediction: prediction,
                    threads: settings.threads
                )
                return (distances.surfaceDice(toleranceMM: 2), distances.hausdorff(percentile: 95))
            }
            return Workload(
                bytes: Double(reference.voxels.count + prediction.voxels.count),
                run: { _ = run() },
                check: {
                    let naive = NaiveSurfaces(reference.geometry, reachMM: 8)
                        .scores(reference, prediction, toleranceMM: 2, threads: settings.threads)
                    let (dice, hausdorff) = run()
                    return ResultCheck(
                        reference: "surface Dice and mm of HD95, the nearest corner looked for around each",
                        error: worst(
                            abs((dice ?? .nan) - naive.surfaceDice),
                            abs((hausdorff ?? .nan) - naive.hausdorff95)
                        ),
                        allowed: 1e-9
                    )
                }
            )
        },
        Benchmark(name: "edt", work: "Euclidean distance transform of both lungs, in the box around them") { settings in
            let lungs = LungShapes.both()
            let (dimensions, voxels) = LungShapes.cropped(lungs)
            let outside = voxels.map { UInt8($0 == 0 ? 1 : 0) }
            let spacing = lungs.geometry.spacing
            func run() -> [Double] {
                euclideanDistance(to: outside, dimensions: dimensions, spacing: spacing, threads: settings.threads)
            }
            return Workload(
                bytes: Double(outside.count * 9),
                run: { _ = run() },
                check: {
                    ResultCheck(
                        reference: "mm, all distances of 64 voxels",
                        error: NaiveVolumes.distanceError(
                            run(),
                            to: outside,
                            dimensions,
                            spacing,
                            places: 64,
                            threads: settings.threads
                        ),
                        allowed: 1e-9
                    )
                }
            )
        },
        Benchmark(name: "components", work: "two largest components of lungs and specks, 512 x 512 x 300") { _ in
            let lungs = LungShapes.withSpecks()
            return Workload(
                bytes: Double(2 * lungs.voxels.count),
                run: { _ = lungs.keepingLargestComponents(2) },
                check: {
                    ResultCheck(
                        reference: "voxels that differ from those of a flood fill",
                        error: NaiveVolumes.componentErrors(lungs.keepingLargestComponents(2), of: lungs, largest: 2),
                        allowed: 0
                    )
                }
            )
        },
    ]
}

/// Two bodies of the size of lungs with an uneven surface, in a grid of a usual CT.
enum LungShapes {
    static let geometry = VolumeGeometry(
        dimensions: Dimensions(i: 512, j: 512, k: 300),
        origin: PatientPoint(x: -204.8, y: -204.8, z: 0),
        spacing: Vector3(0.8, 0.8, 1),
        directionI: Vector3(1, 0, 0),
        directionJ: Vector3(0, 1, 0),
        directionK: Vector3(0, 0, 1),
        frameOfReferenceUID: ""
    )

    /// The right lung lies at lower columns.
    static func masks() -> (left: Mask, right: Mask) {
        var (left, right) = (Mask(geometry: geometry, repeating: 0), Mask(geometry: geometry, repeating: 0))
        add(centre: 342, side: -1, to: &left)
        add(centre: 170, side: 1, to: &right)
        return (left, right)
    }

    /// - Parameters:
    ///   - shift: of both lungs, in voxels along columns and slices.
    ///   - wobble: phase of the unevenness.
    static func both(shift: Double = 0, wobble: Double = 0) -> Mask {
        var mask = Mask(geometry: geometry, repeating: 0)
        add(centre: 170, side: 1, shift: shift, wobble: wobble, to: &mask)
        add(centre: 342, side: -1, shift: shift, wobble: wobble, to: &mask)
        return mask
    }

    /// Both, and two hundred specks of 4 x 4 x 3 voxels anywhere.
    static func withSpecks() -> Mask {
        var mask = both()
        let random = RandomSource(seed: 3, stream: 0)
        for speck in 0..<200 {
            func place(_ axis: Int, _ length: Int) -> Int { 5 + Int(random.uniform(3 * speck + axis) * Double(length)) }
            let (i, j, k) = (place(0, 495), place(1, 495), place(2, 285))
            for z in 0..<3 { for y in 0..<4 { for x in 0..<4 { mask[i + x, j + y, k + z] = 1 } } }
        }
        return mask
    }

    /// The box around a mask.
    static func cropped(_ mask: Mask) -> (Dimensions, [UInt8]) {
        let size = mask.geometry.dimensions
        var (low, high) = ([size.i, size.j, size.k], [0, 0, 0])
        for k in 0..<size.k {
            for j in 0..<size.j {
                for i in 0..<size.i where mask[i, j, k] != 0 {
                    for (axis, place) in [i, j, k].enumerated() {
                        low[axis] = min(low[axis], place)
                        high[axis] = max(high[axis], place)
                    }
                }
            }
        }
        let dimensions = Dimensions(i: high[0] - low[0] + 1, j: high[1] - low[1] + 1, k: high[2] - low[2] + 1)
        var voxels: [UInt8] = []
        voxels.reserveCapacity(dimensions.voxelCount)
        for k in low[2]...high[2] {
            for j in low[1]...high[1] { for i in low[0]...high[0] { voxels.append(mask[i, j, k]) } }
        }
        return (dimensions, voxels)
    }

    static func ct() -> Volume<Int16> {
        Volume(
            geometry: geometry,
            voxels: both().voxels.enumerated().map { n, lung in Int16(lung != 0 ? -850 : 40) + Int16(n % 23) }
        )
    }

    private static func add(
        centre: Double,
        side: Double,
        shift: Double = 0,
        wobble: Double = 0,
        to mask: inout Mask
    ) {
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
}
