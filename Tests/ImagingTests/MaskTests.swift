import Imaging
import Testing

#if canImport(Glibc)
import Glibc
#endif

func cosine(_ x: Double) -> Double { cos(x) }
func hypotenuse(_ x: Double, _ y: Double) -> Double { (x * x + y * y).squareRoot() }

/// Against scipy.ndimage: `Fixtures/imaging/make_goldens.py`.
@Suite("Connected components")
struct ComponentTests {
    struct Golden: Decodable {
        var name: String
        var size: [Int]
        var mask: [Int]
        var neighbours: Int
        var numbers: [UInt32]
        var sizes: [Int]

        var ours: Mask { ImagingTests.mask(grid(size[0], size[1], size[2]), runs: mask) }
    }

    @Test("pieces with 6 and with 26 neighbours are SciPy's, numbered by falling size")
    func goldens() throws {
        let goldens = try Fixtures.decode([Golden].self, "components.json")
        #expect(goldens.count >= 20)
        for golden in goldens {
            let connectivity = try #require(Connectivity(rawValue: golden.neighbours))
            let components = ConnectedComponents(of: golden.ours, connectivity: connectivity)
            #expect(components.numbers == golden.numbers, "\(golden.name), \(golden.neighbours) neighbours")
            #expect(components.sizes == golden.sizes, "\(golden.name), \(golden.neighbours) neighbours")
        }
    }

    @Test("the largest pieces are kept, small ones go by their volume")
    func largest() throws {
        let golden = try #require(
            try Fixtures.decode([Golden].self, "components.json").first { $0.name == "speckle 0.1" }
        )
        var mask = golden.ours
        mask.geometry.spacing = Vector3(10, 10, 10)  // a voxel is one millilitre
        let components = ConnectedComponents(of: mask, connectivity: .faces)
        for count in 0...4 {
            let kept = mask.keepingLargestComponents(count, connectivity: .faces)
            #expect(kept.voxels.count { $0 != 0 } == components.sizes.prefix(count).reduce(0, +))
            #expect(zip(kept.voxels, mask.voxels).allSatisfy { $0 <= $1 })
        }
        let substantial = mask.keepingLargestComponents(.max, minimumVolumeML: 3, connectivity: .faces)
        #expect(substantial.voxels.count { $0 != 0 } == components.sizes.filter { $0 >= 3 }.reduce(0, +))
        #expect(mask.keepingLargestComponents(.max, connectivity: .faces).voxels == mask.voxels)
    }
}

/// Against scipy.ndimage.distance_transform_edt: `Fixtures/imaging/make_goldens.py`.
@Suite("Distance transform")
struct DistanceTransformTests {
    struct Golden: Decodable {
        var name: String
        var size: [Int]
        var spacing: [Double]
        var mask: [Int]
        var distances: [Double]
    }

    @Test("distances are SciPy's for isotropic and anisotropic spacings, on any number of threads")
    func goldens() throws {
        let goldens = try Fixtures.decode([Golden].self, "distances.json")
        #expect(goldens.count >= 20)
        for golden in goldens {
            let dimensions = Dimensions(i: golden.size[0], j: golden.size[1], k: golden.size[2])
            let features = Array(mask(grid(dimensions.i, dimensions.j, dimensions.k), runs: golden.mask).voxels)
            let spacing = Vector3(golden.spacing[0], golden.spacing[1], golden.spacing[2])
            for threads in [1, 3] {
                let found = euclideanDistance(to: features, dimensions: dimensions, spacing: spacing, threads: threads)
                let worst = zip(found, golden.distances).map { abs($0 - $1) }.max() ?? .infinity
                #expect(worst <= 1e-12, "\(golden.name), \(golden.spacing): off by \(worst)")
            }
        }
    }

    @Test("a distance of whole steps is the same number wherever it lies: tolerances compare with <=")
    func exactSteps() {
        let dimensions = Dimensions(i: 60, j: 1, k: 1)
        for spacing in [0.1, 0.3, 0.6, 0.7, 0.9765625] {
            for start in 0..<50 {
                var features = [UInt8](repeating: 0, count: 60)
                features[start] = 1
                let found = euclideanDistance(
                    to: features,
                    dimensions: dimensions,
                    spacing: Vector3(spacing, 1, 1),
                    threads: 1
                )
                for n in 0..<60 { #expect(found[n] == Double(abs(n - start)) * spacing) }
            }
        }
    }

    @Test(
        "far places and lines of any length have the distances of their definition",
        arguments: [
            Dimensions(i: 257, j: 3, k: 2), Dimensions(i: 3, j: 261, k: 2), Dimensions(i: 130, j: 131, k: 1),
            Dimensions(i: 9, j: 8, k: 300),
        ]
    )
    func farPlaces(_ dimensions: Dimensions) {
        let spacing = Vector3(0.7, 0.9, 1.3)
        // Alone in a corner: farther than anybody looks step by step; and a few in the middle.
        for places in [[0], [0, 5, dimensions.voxelCount / 2, dimensions.voxelCount / 2 + 1]] {
            var features = [UInt8](repeating: 0, count: dimensions.voxelCount)
            for place in places { features[place] = 1 }
            func point(_ n: Int) -> Vector3 {
                let (i, j, k) = (n % dimensions.i, n / dimensions.i % dimensions.j, n / dimensions.i / dimensions.j)
                return Vector3(Double(i), Double(j), Double(k)) * spacing
            }
            let found = euclideanDistance(to: features, dimensions: dimensions, spacing: spacing, threads: 2)
            var worst = 0.0
            for n in 0..<dimensions.voxelCount {
                let expected =
                    places.map { ((point($0) - point(n)) * (point($0) - point(n))).sum().squareRoot() }.min()
                    ?? .infinity
                worst = max(worst, abs(found[n] - expected))
            }
            #expect(worst <= 1e-11)
        }
    }

    @Test("without a place to measure from every distance is infinite")
    func empty() {
        let dimensions = Dimensions(i: 3, j: 4, k: 5)
        let found = euclideanDistance(
            to: [UInt8](repeating: 0, count: 60),
            dimensions: dimensions,
            spacing: Vector3(1, 2, 3),
            threads: 2
        )
        #expect(found.allSatisfy { $0 == .infinity })
    }
}
