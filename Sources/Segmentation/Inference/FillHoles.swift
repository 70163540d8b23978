import Imaging
import Platform

/// Fills holes of a structure in the slices of the CT, as its `Postprocessing.fillHolesMM2` asks: a vessel that the network cut out of
/// a lung is a hole of some mm2 in a few slices.
///
/// A hole is background (4 neighbours in the slice) that the structure encloses; one that holds a voxel of another structure stays.
func fillHoles(_ volume: inout Volume<UInt8>, _ roi: ROIDescription, threads: Int) {
    let geometry = volume.geometry
    let limit = Int((roi.postprocessing.fillHolesMM2 ?? 0) / (geometry.spacing.x * geometry.spacing.y))
    guard limit > 0 else { return }
    let d = geometry.dimensions
    let plane = d.i * d.j
    let pages = volume.voxels.pages
    volume.voxels.withUnsafeMutableBufferPointer { buffer in
        // Each slice is read and written by one thread only.
        nonisolated(unsafe) let voxels = buffer
        parallelFor(d.k, threads: threads) { slices in
            var search = HoleSearch(columns: d.i, rows: d.j, label: UInt8(roi.label), limit: limit)
            for k in slices {
                let slice = UnsafeMutableBufferPointer(rebasing: voxels[(k * plane)..<((k + 1) * plane)])
                for n in search.holes(in: UnsafeBufferPointer(slice)) { slice[n] = UInt8(roi.label) }
                pages.touched(plane)
            }
        }
    }
}

/// Finds the small holes of one slice after another.
private struct HoleSearch {
    let columns: Int
    let rows: Int
    let label: UInt8
    /// Pixels of the largest hole that is filled.
    let limit: Int
    /// Number of the slice and part in which a pixel was seen.
    private var seen: [Int32]
    private var part: Int32 = 0

    init(columns: Int, rows: Int, label: UInt8, limit: Int) {
        (self.columns, self.rows, self.label, self.limit) = (columns, rows, label, limit)
        seen = [Int32](repeating: 0, count: columns * rows)
    }

    /// Pixels of all holes of a slice, i fastest.
    mutating func holes(in slice: UnsafeBufferPointer<UInt8>) -> [Int] {
        var found: [Int] = []
        let first = part + 1
        for j in 1..<max(1, rows - 1) {
            var inside = false
            for i in 1..<max(1, columns - 1) {
                let n = i + columns * j
                // A hole begins right of the structure.
                if slice[n] == label {
                    inside = true
                } else if inside {
                    inside = false
                    if seen[n] < first, let hole = region(from: n, in: slice, first: first) { found += hole }
                }
            }
        }
        return found
    }

    /// The background around a pixel; nil where it is larger than a hole, leaves the slice or touches another structure.
    private mutating func region(from start: Int, in slice: UnsafeBufferPointer<UInt8>, first: Int32) -> [Int]? {
        part += 1
        var pixels = [start]
        var next = 0
        seen[start] = part
        while next < pixels.count {
            let n = pixels[next]
            next += 1
            let (i, j) = (n % columns, n / columns)
            guard slice[n] == 0, i > 0, j > 0, i < columns - 1, j < rows - 1, pixels.count <= limit else { return nil }
            for neighbour in [n - 1, n + 1, n - columns, n + columns] where slice[neighbour] != label {
                if seen[neighbour] == part { continue }
                // A part that was given up before is larger than a hole, or open.
                guard seen[neighbour] < first else { return nil }
                seen[neighbour] = part
                pixels.append(neighbour)
            }
        }
        return pixels
    }
}
