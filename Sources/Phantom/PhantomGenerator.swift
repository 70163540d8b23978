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
    /// Width of the noise's grain (standard deviation), mm: small for sharp kernels.
    package var noiseCorrelationMM = 0.75
    /// Overshoot of sharp kernels at edges; 0 is none, lung kernels have about 1.
    package var edgeEnhancement = 0.0
    /// Thickness over which a slice averages, mm.
    package var thicknessMM: Double
    /// Whether the picture is round, with `paddingHU` outside.
    package var isRound = false
    package var paddingHU = -1024
    /// Errors of the calibration: added to every value, and relative.
    package var offsetHU = 0.0
    package var scaleError = 0.0
    /// How much lower water reads in the middle of the body than at its edge.
    package var cuppingHU = 0.0
    /// Two positions of the chest that shine through each other, mm apart; 0 is a still patient.
    package var motionMM = 0.0
    /// Movement of the chest from slice to slice, mm.
    package var breathingMM = 0.0
    /// How far outside of the edge of a lung its contour lies, mm in the plane of a slice: clinicians draw lungs a little larger than
    /// to the middle of the edge.
    package var lungMarginMM = 0.0

    package init(geometry: VolumeGeometry, noiseHU: Double = 14, kernelMM: Double = 0.65) {
        self.geometry = geometry
        self.noiseHU = noiseHU
        self.kernelMM = kernelMM
        thicknessMM = geometry.spacing.z
    }

    /// Whether a pixel of a slice, `i + columns * j`, shows anything of the patient: outside of a round picture none does.
    func shows(pixel n: Int) -> Bool {
        guard isRound else { return true }
        let (columns, rows) = (geometry.dimensions.i, geometry.dimensions.j)
        let x = (Double(n % columns) - Double(columns - 1) / 2) * geometry.spacing.x
        let y = (Double(n / columns) - Double(rows - 1) / 2) * geometry.spacing.y
        let radius = min(geometry.extent.x, geometry.extent.y) / 2
        return x * x + y * y <= radius * radius
    }
}

/// A synthetic CT and what every voxel of it really is.
package struct PhantomCase: Sendable {
    /// HU, index order i (column, fastest), j, k.
    package var ct: Volume<Int16>
    /// `Organ.rawValue` at each voxel centre.
    package var organs: Volume<UInt8>
    /// The same, but a voxel within the margin around a lung (`PhantomScan.lungMarginMM`) counts as that lung; nil without a margin.
    package var organsWithinLungContours: Volume<UInt8>?

    /// The true mask of a structure: `Lung_L`, `Lung_R`, `Heart`, `Esophagus`, `SpinalCord`, `Body` or `Body-Lungs`,
    /// which has holes (TG-263 names); nil for any other name. The margin of the lungs' contours is theirs, and no part of `Body-Lungs`; other
    /// structures keep it.
    package func mask(of structure: String) -> Mask? {
        guard let members = PhantomCase.members[structure] else { return nil }
        let isOfLungs = ["Lung_L", "Lung_R", "Body-Lungs"].contains(structure)
        let volume = (isOfLungs ? organsWithinLungContours : nil) ?? organs
        return LabelMap(volume: volume, labels: [:]).mask(ofLabels: Set(members.map(\.rawValue)))
    }

    /// The organs that a structure consists of; none for a name that is no structure.
    package static func organs(of structure: String) -> [Organ] { members[structure] ?? [] }

    /// Raised whenever the same seed gives other voxels, so that caches are made again.
    package static let version = 12

    /// Names of the structures whose truth is known, in the order in which they are exported.
    package static let structures = ["Lung_L", "Lung_R", "Heart", "Esophagus", "SpinalCord", "Body", "Body-Lungs"]

    private static let members: [String: [Organ]] = [
        "Lung_L": Organ.leftLung, "Lung_R": Organ.rightLung, "Heart": [.heart, .myocardium],
        "Esophagus": [.esophagus, .esophagealAir], "SpinalCord": [.spinalCord],
        "Body": body, "Body-Lungs": body.filter { !Organ.leftLung.contains($0) && !Organ.rightLung.contains($0) },
    ]

    private static let body = Organ.allCases.filter(\.isInBody)
}

/// Draws the CT of a person. The same seed, options and scan give the same voxels on any number of threads.
package func generatePhantom(
    seed: UInt64,
    options: PhantomOptions = PhantomOptions(),
    scan: PhantomScan,
    threads: Int
) -> PhantomCase {
    let painter = SlicePainter(
        thorax: Thorax(person: ThoraxAnatomy(seed: seed), options: options, seed: seed),
        scan: scan,
        scanner: Scanner(scan: scan, turn: options.turn, seed: seed)
    )
    let dimensions = scan.geometry.dimensions
    let plane = dimensions.i * dimensions.j
    var hu = [Int16](repeating: -1024, count: dimensions.voxelCount)
    var organs = [UInt8](repeating: 0, count: dimensions.voxelCount)
    let hasMargin = scan.lungMarginMM > 0
    var contoured = [UInt8](repeating: 0, count: hasMargin ? dimensions.voxelCount : 0)
    hu.withUnsafeMutableBufferPointer { huBuffer in
        organs.withUnsafeMutableBufferPointer { organBuffer in
            contoured.withUnsafeMutableBufferPointer { contouredBuffer in
                // Each slice is written by one thread only.
                nonisolated(unsafe) let huOut = huBuffer
                nonisolated(unsafe) let organOut = organBuffer
                nonisolated(unsafe) let contouredOut = contouredBuffer
                parallelFor(dimensions.k, threads: threads) { range in
                    for k in range {
                        let slice = painter.paint(k)
                        let within = hasMargin ? painter.withinLungContours(slice.organs, k) : []
                        for n in 0..<plane {
                            huOut[k * plane + n] = slice.hu[n]
                            organOut[k * plane + n] = slice.organs[n]
                            if hasMargin { contouredOut[k * plane + n] = within[n] }
                        }
                    }
                }
            }
        }
    }
    return PhantomCase(
        ct: Volume(geometry: scan.geometry, voxels: hu),
        organs: Volume(geometry: scan.geometry, voxels: organs),
        organsWithinLungContours: hasMargin ? Volume(geometry: scan.geometry, voxels: contoured) : nil
    )
}
