import Imaging
import Platform

/// How the synthetic scanner takes its picture.
package struct PhantomScan: Sendable {
    /// Grid of the CT in patient coordinates (LPS mm); any orientation.
    package var geometry: VolumeGeometry
    /// Standard deviation of the noise in soft tissue, HU.
    package var noiseHU: Double
    /// In-plane width of the reconstruction kernel (standard deviation), mm.
    package var kernelMM: Double

    package init(geometry: VolumeGeometry, noiseHU: Double = 14, kernelMM: Double = 0.65) {
        self.geometry = geometry
        self.noiseHU = noiseHU
        self.kernelMM = kernelMM
    }
}

/// A synthetic CT and what every voxel of it really is.
package struct PhantomCase: Sendable {
    /// HU, index order i (column, fastest), j, k.
    package var ct: Volume<Int16>
    /// `Organ.rawValue` at each voxel centre.
    package var organs: Volume<UInt8>

    /// The true mask of a structure: `Lung_L`, `Lung_R`, `Heart`, `Esophagus`, `SpinalCord`, `Body` or `Body-Lungs`,
    /// which has holes (TG-263 names); nil for any other name.
    package func mask(of structure: String) -> Mask? {
        guard let members = PhantomCase.members[structure] else { return nil }
        let raw = Set(members.map(\.rawValue))
        return Mask(geometry: organs.geometry, voxels: organs.voxels.map { raw.contains($0) ? 1 : 0 })
    }

    /// Names of the structures whose truth is known, in the order in which they are exported.
    package static let structures = ["Lung_L", "Lung_R", "Heart", "Esophagus", "SpinalCord", "Body", "Body-Lungs"]

    private static let members: [String: [Organ]] = [
        "Lung_L": [.lungLeft], "Lung_R": [.lungRight], "Heart": [.heart],
        "Esophagus": [.esophagus, .esophagealAir], "SpinalCord": [.spinalCord],
        "Body": body, "Body-Lungs": body.filter { $0 != .lungLeft && $0 != .lungRight },
    ]

    private static let body = Organ.allCases.filter { $0 != .air && $0 != .table }
}

/// Draws the CT of a `ThoraxAnatomy`. The same seed and scan give the same voxels on any number of threads.
package func generatePhantom(seed: UInt64, scan: PhantomScan, threads: Int) -> PhantomCase {
    let person = ThoraxAnatomy(seed: seed)
    let painter = SlicePainter(
        person: person,
        vessels: VesselGrid(LungVessels(anatomy: person, seed: seed)),
        scan: scan,
        seed: seed
    )
    let dimensions = scan.geometry.dimensions
    let plane = dimensions.i * dimensions.j
    var hu = [Int16](repeating: -1024, count: dimensions.voxelCount)
    var organs = [UInt8](repeating: 0, count: dimensions.voxelCount)
    hu.withUnsafeMutableBufferPointer { huBuffer in
        organs.withUnsafeMutableBufferPointer { organBuffer in
            // Each slice is written by one thread only.
            nonisolated(unsafe) let huOut = huBuffer
            nonisolated(unsafe) let organOut = organBuffer
            parallelFor(dimensions.k, threads: threads) { range in
                for k in range {
                    let slice = painter.paint(k)
                    for n in 0..<plane {
                        huOut[k * plane + n] = slice.hu[n]
                        organOut[k * plane + n] = slice.organs[n]
                    }
                }
            }
        }
    }
    return PhantomCase(
        ct: Volume(geometry: scan.geometry, voxels: hu),
        organs: Volume(geometry: scan.geometry, voxels: organs)
    )
}
