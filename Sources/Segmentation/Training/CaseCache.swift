import Foundation
import Imaging
import Platform

/// Preprocessed cases on disk: made once, then mapped into memory, so that training needs little memory however
/// many cases there are.
///
/// A case is `<name>.json` (`CachedCase.Header`) and `<name>.voxels`: HU as little-endian Int16 on the model's grid
/// with a margin on all four sides of the plane, then for each ROI the covered part of every pixel as 0...255, and last, where
/// the case has unknown voxels, the part that those cover.
package struct CaseCache: Sendable {
    package let directory: String
    let input: InputDescription
    let roiCount: Int

    /// What of the input decides the pixels of a cached case: not how the network sees them, so that recipes which differ in that alone
    /// share a cache.
    private var grid: String {
        "\(input.plane) \(input.columns) \(input.rows) \(input.pixelSpacingMM) \(input.sliceSpacing) \(input.centre)"
    }

    /// Pixels around the model's picture, so that turned and shifted samples show what lies there.
    static let margin = 32
    /// Raised when preprocessing changes, or what makes a case unusable.
    static let version = 4

    package init(directory: String, input: InputDescription, roiCount: Int) {
        self.directory = directory
        self.input = input
        self.roiCount = roiCount
    }

    /// The cached case, made now if it is not there or its source or the preprocessing has changed.
    package func prepare(_ source: TrainingCaseSource, threads: Int) throws -> CachedCase {
        let key = SHA256Digest.hex(
            of: Data("\(Self.version) \(source.fingerprint) \(roiCount) \(Self.margin) \(grid)".utf8)
        )
        // What cannot be read, or is not what was written, is made again.
        if let cached = try? CachedCase(name: source.name, directory: directory), cached.header.key == key,
            cached.isUnchanged
        {
            return cached
        }
        try write(source.load(), source: source, key: key, threads: threads)
        return try CachedCase(name: source.name, directory: directory)
    }

    private func write(_ loaded: TrainingCase, source: TrainingCaseSource, key: String, threads: Int) throws {
        guard loaded.ct.geometry.dimensions == loaded.labels.geometry.dimensions else {
            throw SegmentationError.wrongInput(message: "image and labels have different sizes")
        }
        let target = marginGeometry(for: loaded.ct)
        let hu = resampledHU(loaded.ct, to: target, threads: threads)
        var bytes = Data(capacity: hu.voxels.count * (2 + roiCount))
        hu.voxels.map { Int16($0.rounded()).littleEndian }.withUnsafeBytes { bytes.append(contentsOf: $0) }
        var present = [[Bool]]()
        for roi in 1...roiCount {
            let covered = covered(by: UInt8(roi), in: loaded.labels, target, threads: threads)
            present.append(
                (0..<target.dimensions.k).map { k in
                    covered[(k * target.planeCount)..<((k + 1) * target.planeCount)].contains { $0 > 127 }
                }
            )
            bytes.append(contentsOf: covered)
        }
        let hasUnknown = loaded.labels.voxels.contains(TrainingCase.unknown)
        if hasUnknown {
            bytes.append(contentsOf: covered(by: TrainingCase.unknown, in: loaded.labels, target, threads: threads))
        }
        let header = CachedCase.Header(
            key: key,
            patient: source.patient,
            geometry: target,
            roiCount: roiCount,
            present: present,
            outside: partsOutside(of: loaded.labels, picture: target),
            hasUnknown: hasUnknown,
            remark: loaded.remark,
            pictureDigest: SHA256Digest.hex(of: bytes.prefix(2 * hu.voxels.count)),
            digest: SHA256Digest.hex(of: bytes)
        )
        try Directory.create(directory)
        let base = "\(directory)/\(source.name)"
        try AtomicFile.write(bytes, to: base + ".voxels")
        try AtomicFile.write(StrictJSON.encode(header), to: base + ".json")
    }

    /// The part of every pixel that a label covers, 0...255.
    private func covered(by label: UInt8, in labels: Volume<UInt8>, _ target: VolumeGeometry, threads: Int) -> [UInt8] {
        resampledOccupancy(of: label, in: labels, to: target, threads: threads)
            .map { UInt8(min(max(($0 * 255).rounded(), 0), 255)) }
    }

    /// - Parameter wide: the picture with its margin.
    private func partsOutside(of labels: Volume<UInt8>, picture wide: VolumeGeometry) -> [Double] {
        var all = [Int](repeating: 0, count: roiCount + 1)
        var outside = all
        let (d, margin) = (labels.geometry.dimensions, Double(Self.margin))
        let (columns, rows) = (Double(wide.dimensions.i) - margin - 0.5, Double(wide.dimensions.j) - margin - 0.5)
        for (n, label) in labels.voxels.enumerated() where label != 0 && Int(label) <= roiCount {
            all[Int(label)] += 1
            let point = labels.geometry.patientPoint(
                i: Double(n % d.i),
                j: Double(n / d.i % d.j),
                k: Double(n / (d.i * d.j))
            )
            let place = wide.continuousIndex(of: point)
            let isInside =
                place.x >= margin - 0.5 && place.x < columns && place.y >= margin - 0.5 && place.y < rows
            if !isInside { outside[Int(label)] += 1 }
        }
        return zip(outside, all).dropFirst().map { $1 == 0 ? 0 : Double($0) / Double($1) }
    }

    /// The model's grid over a CT, widened by the margin.
    private func marginGeometry(for ct: Volume<Int16>) -> VolumeGeometry {
        let centre = input.centre == .body ? bodyCentre(of: ct) : gridCentre(of: ct.geometry)
        var wide = input
        wide.columns += 2 * Self.margin
        wide.rows += 2 * Self.margin
        // Neighbours lie at a distance in mm, so slices that inference may leave out are further samples here.
        if case .nativeUpTo = wide.sliceSpacing { wide.sliceSpacing = .native }
        return wide.modelGeometry(for: ct.geometry, centre: centre)
    }
}

/// A preprocessed case, mapped from its file.
package struct CachedCase: Sendable {
    struct Header: Codable, Sendable {
        var key: String
        var patient: String
        var geometry: VolumeGeometry
        var roiCount: Int
        /// For each ROI and slice whether the structure is there.
        var present: [[Bool]]
        /// For each ROI the part of its voxels that lies outside of the model's picture.
        var outside: [Double]
        var hasUnknown: Bool
        /// Of the case as it was loaded.
        var remark: String
        /// SHA-256 over the HU alone: equal for one scan, whoever drew on it.
        var pictureDigest: String
        var digest: String
    }

    package let name: String
    let header: Header
    /// Mapped, not read.
    private let bytes: Data

    init(name: String, directory: String) throws {
        let base = "\(directory)/\(name)"
        let json = try Data(contentsOf: URL(fileURLWithPath: base + ".json"))
        do {
            header = try StrictJSON.decode(Header.self, from: json)
        } catch {
            throw SegmentationError.damagedCache(path: base + ".json", message: "\(error.key) \(error.message)")
        }
        bytes = try Data(contentsOf: URL(fileURLWithPath: base + ".voxels"), options: .alwaysMapped)
        self.name = name
        let expected = header.geometry.dimensions.voxelCount * (2 + header.roiCount + (header.hasUnknown ? 1 : 0))
        guard bytes.count == expected else {
            throw SegmentationError.damagedCache(
                path: base + ".voxels",
                message: "\(bytes.count) bytes, expected \(expected)"
            )
        }
    }

    /// Whether the voxels still have the digest that they were written with.
    var isUnchanged: Bool { SHA256Digest.hex(of: bytes) == header.digest }

    package var patient: String { header.patient }
    package var sliceCount: Int { header.geometry.dimensions.k }
    package var digest: String { header.digest }
    package var pictureDigest: String { header.pictureDigest }

    /// Slices that show any structure, with `border` slices around each.
    func foregroundSlices(border: Int) -> [Int] {
        let shown = (0..<sliceCount).map { k in header.present.contains { $0[k] } }
        return (0..<sliceCount).filter { k in
            (max(0, k - border)...min(sliceCount - 1, k + border)).contains { shown[$0] }
        }
    }

    /// Calls `body` with the HU of one slice, i fastest, margin included.
    func withHU<Result>(slice k: Int, _ body: (UnsafeBufferPointer<Int16>) -> Result) -> Result {
        let plane = header.geometry.planeCount
        return bytes.withUnsafeBytes { raw in
            body(
                UnsafeRawBufferPointer(rebasing: raw[(2 * k * plane)..<(2 * (k + 1) * plane)]).bindMemory(
                    to: Int16.self
                )
            )
        }
    }

    /// Calls `body` with the covered parts (0...255) of one ROI (from 0) in one slice.
    func withOccupancy<Result>(roi: Int, slice k: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        let plane = header.geometry.planeCount
        let start = header.geometry.dimensions.voxelCount * (2 + roi) + k * plane
        return bytes.withUnsafeBytes { raw in
            body(UnsafeRawBufferPointer(rebasing: raw[start..<(start + plane)]).bindMemory(to: UInt8.self))
        }
    }

    /// Calls `body` with the parts (0...255) of one slice that unknown voxels cover; not where the case has none.
    func withUnknown(slice k: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Void) {
        guard header.hasUnknown else { return }
        withOccupancy(roi: header.roiCount, slice: k, body)
    }

    /// Dice of a ROI (from 0) and of that of another case with the same picture, by the covered parts of pixels; nil where
    /// neither shows it.
    package func agreement(with other: CachedCase, roi: Int) -> Double? {
        let count = header.geometry.dimensions.voxelCount
        let part = (count * (2 + roi))..<(count * (3 + roi))
        var (common, all) = (0, 0)
        bytes.withUnsafeBytes { (a: UnsafeRawBufferPointer) in
            other.bytes.withUnsafeBytes { (b: UnsafeRawBufferPointer) in
                for n in part {
                    common += Int(min(a[n], b[n]))
                    all += Int(a[n]) + Int(b[n])
                }
            }
        }
        return all == 0 ? nil : 2 * Double(common) / Double(all)
    }

    /// The network's input for this case: the picture without its margin.
    func inputVolume() -> Volume<Float> {
        let d = header.geometry.dimensions
        let margin = CaseCache.margin
        var geometry = header.geometry
        geometry.dimensions = Dimensions(i: d.i - 2 * margin, j: d.j - 2 * margin, k: d.k)
        geometry.origin = header.geometry.patientPoint(i: Double(margin), j: Double(margin), k: 0)
        var voxels: [Float] = []
        voxels.reserveCapacity(geometry.dimensions.voxelCount)
        for k in 0..<d.k {
            withHU(slice: k) { hu in
                for j in margin..<(d.j - margin) {
                    for i in margin..<(d.i - margin) { voxels.append(Float(hu[i + d.i * j])) }
                }
            }
        }
        return Volume(geometry: geometry, voxels: voxels)
    }

    /// Where a ROI covers at least half of a pixel, on the grid of `inputVolume`.
    func mask(roi: Int, slice k: Int) -> [Bool] {
        withOccupancy(roi: roi, slice: k) { picture($0) { $0 > 127 } }
    }

    /// Where unknown voxels cover any part of a pixel, on the same grid; nil where the case has none.
    func unknown(slice k: Int) -> [Bool]? {
        var result: [Bool]?
        withUnknown(slice: k) { result = picture($0) { $0 > 0 } }
        return result
    }

    /// A slice without its margin.
    private func picture(_ covered: UnsafeBufferPointer<UInt8>, _ isWanted: (UInt8) -> Bool) -> [Bool] {
        let d = header.geometry.dimensions
        let margin = CaseCache.margin
        return (margin..<(d.j - margin)).flatMap { j in
            (margin..<(d.i - margin)).map { i in isWanted(covered[i + d.i * j]) }
        }
    }
}

extension CachedCase {
    /// Whether any structure has a voxel in it.
    package var showsAnything: Bool { header.present.contains { $0.contains(true) } }

    /// Part of a structure that a row of the table may pass over: a voxel at the edge of a picture.
    private static let mostOutside = 0.01

    /// Says which structures the case does not show or shows in part, and what was told of it when it was loaded.
    package func remark(_ names: [String]) -> String {
        let absent = zip(names, header.present).filter { !$1.contains(true) }.map(\.0)
        let shown = absent.isEmpty ? "" : "shows no \(absent.joined(separator: " and no "))"
        let cut = zip(names, header.outside).filter { $1 > Self.mostOutside }.map { name, part in
            "\(Int((100 * part).rounded())) % of \(name) outside of the model's picture (input.columns, rows and pixelSpacingMM)"
        }
        return ([shown] + cut + [header.remark]).filter { !$0.isEmpty }.joined(separator: "; ")
    }
}
