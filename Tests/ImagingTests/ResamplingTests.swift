import Imaging
import Testing

/// Against SimpleITK: `Fixtures/imaging/make_goldens.py`.
@Suite("Resampling")
struct ResamplingTests {
    struct Golden: Decodable {
        struct Geometry: Decodable {
            var size: [Int]
            var origin: [Double]
            var spacing: [Double]
            var directions: [[Double]]

            var ours: VolumeGeometry {
                func vector(_ v: [Double]) -> Vector3 { Vector3(v[0], v[1], v[2]) }
                return VolumeGeometry(
                    dimensions: Dimensions(i: size[0], j: size[1], k: size[2]),
                    origin: PatientPoint(vector(origin)),
                    spacing: vector(spacing),
                    directionI: vector(directions[0]),
                    directionJ: vector(directions[1]),
                    directionK: vector(directions[2]),
                    frameOfReferenceUID: ""
                )
            }
        }

        var name: String
        var source: Geometry
        var target: Geometry
        var linear: [Float]
        var nearest: [Int16]
    }

    /// The formula of `make_goldens.py`.
    static func source(_ geometry: VolumeGeometry) -> Volume<Int16> {
        var volume = Volume<Int16>(geometry: geometry, repeating: 0)
        for k in 0..<geometry.dimensions.k {
            for j in 0..<geometry.dimensions.j {
                for i in 0..<geometry.dimensions.i {
                    volume[i, j, k] = Int16((i * 7 + j * 13 + k * 29 + i * j % 5) % 101 * 10 - 400)
                }
            }
        }
        return volume
    }

    @Test("linear interpolation between grids of any orientation and spacing equals SimpleITK's")
    func linear() throws {
        for golden in try Fixtures.decode([Golden].self, "resampling.json") {
            let result = Self.source(golden.source.ours).resampledLinear(
                to: golden.target.ours,
                outside: -3000,
                threads: 2
            )
            #expect(result.geometry == golden.target.ours)
            let worst = zip(result.voxels, golden.linear).map { abs($0 - $1) }.max() ?? .infinity
            #expect(result.voxels.count == golden.linear.count && worst < 2e-3, "\(golden.name): off by \(worst)")
        }
    }

    @Test("nearest neighbour between grids of any orientation and spacing equals SimpleITK's")
    func nearest() throws {
        for golden in try Fixtures.decode([Golden].self, "resampling.json") {
            let result = Self.source(golden.source.ours).resampledNearest(
                to: golden.target.ours,
                outside: -3000,
                threads: 2
            )
            #expect(result.voxels == golden.nearest, "\(golden.name)")
        }
    }

    @Test("a grid onto itself, and onto itself with axes exchanged, changes no value")
    func identity() {
        var random = SplitMix64(state: 11)
        for _ in 0..<20 {
            let geometry = randomGeometry(Dimensions(i: 5, j: 4, k: 6), &random)
            let volume = Self.source(geometry)
            let linear = volume.resampledLinear(to: geometry, outside: 9999, threads: 1)
            #expect(zip(linear.voxels, volume.voxels).allSatisfy { abs($0 - Float($1)) < 1e-2 })
            #expect(volume.resampledNearest(to: geometry, outside: 9999, threads: 1).voxels == volume.voxels)
            var exchanged = geometry
            exchanged.dimensions = Dimensions(i: 6, j: 5, k: 4)
            exchanged.spacing = Vector3(geometry.spacing.z, geometry.spacing.x, geometry.spacing.y)
            (exchanged.directionI, exchanged.directionJ, exchanged.directionK) =
                (geometry.directionK, geometry.directionI, geometry.directionJ)
            let turned = volume.resampledNearest(to: exchanged, outside: 9999, threads: 1)
            for k in 0..<6 { for j in 0..<4 { for i in 0..<5 { #expect(turned[k, i, j] == volume[i, j, k]) } } }
        }
    }

    @Test("a plane of values is reproduced where samples surround a point: no shift of half a voxel")
    func noShift() {
        var random = SplitMix64(state: 12)
        for _ in 0..<10 {
            let geometry = randomGeometry(Dimensions(i: 12, j: 12, k: 12), &random)
            // HU as a linear function of the place in the patient.
            func value(_ p: PatientPoint) -> Float { Float(3 * p.x - 2 * p.y + 5 * p.z) }
            var volume = Volume<Float>(geometry: geometry, repeating: 0)
            for k in 0..<12 {
                for j in 0..<12 {
                    for i in 0..<12 { volume[i, j, k] = value(geometry.patientPoint(VoxelIndex(i: i, j: j, k: k))) }
                }
            }
            let target = geometry.resampled(spacing: geometry.spacing * 0.7)
            let result = volume.resampledLinear(to: target, outside: 0, threads: 1)
            for k in 1..<15 {
                for j in 1..<15 {
                    for i in 1..<15 {
                        let expected = value(target.patientPoint(VoxelIndex(i: i, j: j, k: k)))
                        #expect(abs(result[i, j, k] - expected) < 2e-2 + abs(expected) * 1e-5)
                    }
                }
            }
        }
    }

    @Test("the outer half voxel takes the edge value, beyond it lies outside")
    func border() {
        let source = Self.source(grid(3, 3, 3))
        var target = grid(1, 3, 3)
        for (x, isInside) in [(-0.49, true), (-0.51, false), (2.49, true), (2.51, false)] {
            target.origin.x = x
            let expected = (0..<9).map { isInside ? source.voxels[$0 * 3 + (x < 0 ? 0 : 2)] : -3000 }
            #expect(source.resampledNearest(to: target, outside: -3000, threads: 1).voxels == expected, "x \(x)")
            let linear = source.resampledLinear(to: target, outside: -3000, threads: 1)
            #expect(linear.voxels == expected.map(Float.init), "x \(x)")
        }
    }

    @Test("parallel axes, sampled from tables, give the bytes of the general way")
    func alignedEqualsGeneral() {
        var random = SplitMix64(state: 13)
        for _ in 0..<30 {
            func between(_ range: ClosedRange<Double>) -> Double { Double.random(in: range, using: &random) }
            func sign() -> Double { Bool.random(using: &random) ? 1 : -1 }
            var source = grid(7, 6, 5, spacing: Vector3(between(0.5...2), between(0.5...2), between(0.5...3)))
            source.directionI = Vector3(sign(), 0, 0)
            source.directionJ = Vector3(0, sign(), 0)
            source.directionK = Vector3(0, 0, sign())
            var target = source
            target.dimensions = Dimensions(i: 9, j: 8, k: 7)
            target.spacing = Vector3(between(0.4...2), between(0.4...2), between(0.4...2))
            target.directionI = Vector3(sign(), 0, 0)
            target.origin = source.patientPoint(i: between(-2...4), j: between(-2...4), k: between(-2...4))
            // The same places with rows and columns exchanged, which tables cannot do.
            var exchanged = target
            exchanged.dimensions = Dimensions(i: 8, j: 9, k: 7)
            exchanged.spacing = Vector3(target.spacing.y, target.spacing.x, target.spacing.z)
            (exchanged.directionI, exchanged.directionJ) = (target.directionJ, target.directionI)
            let volume = Self.source(source)
            let linear = volume.resampledLinear(to: target, outside: -3000, threads: 2)
            let general = volume.resampledLinear(to: exchanged, outside: -3000, threads: 1)
            let nearest = volume.resampledNearest(to: target, outside: -3000, threads: 2)
            let generalNearest = volume.resampledNearest(to: exchanged, outside: -3000, threads: 1)
            for k in 0..<7 {
                for j in 0..<8 {
                    for i in 0..<9 {
                        #expect(linear[i, j, k] == general[j, i, k])
                        #expect(nearest[i, j, k] == generalNearest[j, i, k])
                    }
                }
            }
        }
    }

    @Test("one slice, one row and one column are volumes too")
    func thin() {
        for dimensions in [Dimensions(i: 1, j: 4, k: 4), Dimensions(i: 4, j: 1, k: 4), Dimensions(i: 4, j: 4, k: 1)] {
            var geometry = grid(1, 1, 1)
            geometry.dimensions = dimensions
            let volume = Self.source(geometry)
            let result = volume.resampledLinear(to: geometry, outside: 0, threads: 3)
            #expect(result.voxels == volume.voxels.map(Float.init))
        }
    }

    @Test("the number of threads changes no bit")
    func threads() throws {
        let golden = try #require(try Fixtures.decode([Golden].self, "resampling.json").last)
        let source = Self.source(golden.source.ours)
        let one = source.resampledLinear(to: golden.target.ours, outside: -3000, threads: 1)
        for threads in 2...7 {
            #expect(source.resampledLinear(to: golden.target.ours, outside: -3000, threads: threads) == one)
        }
    }
}
