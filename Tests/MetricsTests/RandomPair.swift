import Imaging

/// The pair of masks that a number names: the same one that Fixtures/metrics/pairs.py makes.
struct RandomPair {
    var reference: Mask
    var prediction: Mask

    init(_ number: Int) {
        var random = SplitMix(state: UInt64(number))
        let d = Dimensions(i: 3 + random.below(14), j: 3 + random.below(12), k: 1 + random.below(9))
        let (x, y, z) = (random.spacing(), random.spacing(), random.spacing())
        let geometry = grid(d.i, d.j, d.k, spacing: Vector3(x, y, z))
        reference = .random(kind: random.below(10), &random, geometry)
        let kind = random.below(8)
        switch kind {
        case 0: prediction = reference
        case 1, 2: prediction = reference.shifted(&random)
        case 3: prediction = reference.combined(with: .noise(&random, geometry, sixteenths: 1), ^)
        case 4:
            let other = random.below(2)
            prediction = reference.combined(with: .random(kind: 1 + other, &random, geometry), &)
        default: prediction = .random(kind: random.below(10), &random, geometry)
        }
    }
}

/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
struct SplitMix {
    var state: UInt64

    mutating func below(_ bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((z ^ (z >> 31)) % UInt64(bound))
    }

    mutating func spacing() -> Double { Double(200 + below(3800)) / 1000 }
}

extension Mask {
    fileprivate static func random(kind: Int, _ random: inout SplitMix, _ geometry: VolumeGeometry) -> Mask {
        let d = geometry.dimensions
        switch kind {
        case 0:
            let sixteenths = 2 + random.below(12)
            return noise(&random, geometry, sixteenths: sixteenths)
        case 1...4:
            var mask = Mask(geometry: geometry, repeating: 0)
            for _ in 0..<1 + random.below(3) { mask = mask.combined(with: ellipsoid(&random, geometry), |) }
            return mask
        case 5, 6:
            let (i, j, k) = (random.range(d.i), random.range(d.j), random.range(d.k))
            return box(geometry, i, j, k)
        default:
            let place = [random.below(d.i), random.below(d.j), random.below(d.k)]
            var ranges = place.map { $0..<$0 + 1 }
            if kind == 9 { return Mask(geometry: geometry, repeating: 0) }
            if kind == 7 {
                let axis = random.below(3)
                for (n, count) in [d.i, d.j, d.k].enumerated() where n != axis { ranges[n] = 0..<count }
            }
            return box(geometry, ranges[0], ranges[1], ranges[2])
        }
    }

    fileprivate static func noise(_ random: inout SplitMix, _ geometry: VolumeGeometry, sixteenths: Int) -> Mask {
        var mask = Mask(geometry: geometry, repeating: 0)
        for n in mask.voxels.indices { mask.voxels[n] = random.below(16) < sixteenths ? 1 : 0 }
        return mask
    }

    private static func ellipsoid(_ random: inout SplitMix, _ geometry: VolumeGeometry) -> Mask {
        let d = geometry.dimensions
        let centre = [random.below(d.i), random.below(d.j), random.below(d.k)]
        let squares = [d.i, d.j, d.k].map { count in
            let radius = 1 + random.below(count)
            return radius * radius
        }
        let (a, b, c) = (squares[0], squares[1], squares[2])
        var mask = Mask(geometry: geometry, repeating: 0)
        for k in 0..<d.k {
            for j in 0..<d.j {
                for i in 0..<d.i {
                    let (x, y, z) = (i - centre[0], j - centre[1], k - centre[2])
                    if x * x * b * c + y * y * a * c + z * z * a * b <= a * b * c { mask[i, j, k] = 1 }
                }
            }
        }
        return mask
    }

    func combined(with other: Mask, _ operation: (UInt8, UInt8) -> UInt8) -> Mask {
        Mask(geometry: geometry, voxels: zip(voxels, other.voxels).map(operation))
    }

    /// By up to two voxels along each axis; what leaves the grid is lost.
    fileprivate func shifted(_ random: inout SplitMix) -> Mask {
        let steps = [random.below(5) - 2, random.below(5) - 2, random.below(5) - 2]
        return moved(by: steps, to: geometry)
    }

    /// In another grid, by so many voxels; what leaves it is lost.
    func moved(by steps: [Int], to target: VolumeGeometry) -> Mask {
        var result = Mask(geometry: target, repeating: 0)
        let (d, t) = (geometry.dimensions, target.dimensions)
        for k in 0..<d.k {
            for j in 0..<d.j {
                for i in 0..<d.i where self[i, j, k] != 0 {
                    let at = (i + steps[0], j + steps[1], k + steps[2])
                    guard (0..<t.i).contains(at.0), (0..<t.j).contains(at.1), (0..<t.k).contains(at.2) else { continue }
                    result[at.0, at.1, at.2] = 1
                }
            }
        }
        return result
    }
}

extension SplitMix {
    fileprivate mutating func range(_ count: Int) -> Range<Int> {
        let first = below(count)
        return first..<first + 1 + below(count - first)
    }
}
