import Foundation
import Imaging
import Platform
import Testing

@Suite("Volumes in files")
struct VolumeMemoryTests {
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("volumes-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }

    @Test("a volume in a file is the same whatever part of it may be resident", arguments: [0, 1, 5000, Int.max])
    func allowances(_ allowance: Int) throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let geometry = grid(33, 17, 9)
        let wanted = Volume(geometry: geometry, voxels: (0..<33 * 17 * 9).map { Int16(truncatingIfNeeded: $0 &* 7919) })
        let base = folder.path + "/volume"
        var made = try Volume<Int16>(creatingBase: base, geometry: geometry, allowance: allowance)
        #expect(made.voxels.allSatisfy { $0 == 0 })
        for k in 0..<9 {
            for n in k * 33 * 17..<(k + 1) * 33 * 17 { made.voxels[n] = wanted.voxels[n] }
            made.touched()
        }
        #expect(made == wanted)
        let read = try Volume<Int16>(contentsOfBase: base, allowance: allowance)
        #expect(read == wanted)
        var scratch: Volume<UInt8> = try VolumeMemory.files(in: folder.path, allowance: allowance).zeros(geometry)
        scratch[5, 6, 7] = 8
        scratch.voxels.release()
        #expect(scratch[5, 6, 7] == 8 && scratch.voxels.count { $0 != 0 } == 1)
        // Its file has no name.
        #expect(try Directory.list(folder.path).map(\.name).sorted() == ["volume.json", "volume.raw"])
    }

    @Test("what is read from a file is changed in memory alone, and a copy is its own")
    func copies() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let base = folder.path + "/volume"
        try Volume<UInt8>(geometry: grid(4, 4, 2), repeating: 3).write(toBase: base)
        let read = try Volume<UInt8>(contentsOfBase: base)
        var changed = read
        changed[1, 1, 1] = 9
        #expect(read[1, 1, 1] == 3 && changed[1, 1, 1] == 9)
        #expect(try Volume<UInt8>(contentsOfBase: base) == read)
    }

    @Test("the pages of a file are given back: a hundred megabytes are read with a few resident")
    func resident() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let geometry = grid(512, 512, 400)
        var volume: Volume<UInt8> = try VolumeMemory.files(in: folder.path, allowance: 4 << 20).zeros(geometry)
        var most = 0
        for k in 0..<400 {
            for n in (k << 18)..<((k + 1) << 18) { volume.voxels[n] = UInt8(truncatingIfNeeded: n &* 31) }
            volume.touched()
            most = max(most, try residentBytes(of: volume))
        }
        #expect(most > 0 && most <= 8 << 20, "\(most >> 10) KiB")
        for k in 0..<400 {
            let n = 7 + (k << 18)
            #expect(volume.voxels[n] == UInt8(truncatingIfNeeded: n &* 31))
        }
    }

    /// What the kernel holds of the mapping that the voxels lie in (proc_pid_smaps(5)); other tests of this process have theirs.
    private func residentBytes(of volume: Volume<UInt8>) throws -> Int {
        let place = volume.voxels.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
        let file = try #require(FileHandle(forReadingAtPath: "/proc/self/smaps"))
        var isInside = false
        for line in String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ")
            let range = words[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            if range.count == 2 { isInside = range[0]..<range[1] ~= place }
            if isInside, words[0] == "Rss:" { return try #require(Int(words[1])) * 1024 }
        }
        return 0
    }

    @Test("a structure asked for slice by slice is its mask")
    func slices() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let labels = Volume<UInt8>(
            geometry: grid(7, 5, 6),
            voxels: (0..<210).map { (n: Int) -> UInt8 in n / 35 == 2 ? 0 : UInt8(n % 4) }
        )
        let mask = LabelMap(volume: labels, labels: [:]).mask(ofLabels: [1, 3])
        let sliced = SlicedMask(labels, values: [1, 3], in: SliceValues(labels))
        #expect(sliced.slices == [0, 1, 3, 4, 5])
        let whole = SlicedMask(mask)
        for k in 0..<6 {
            let wanted = Array(mask.voxels[(k * 35)..<((k + 1) * 35)])
            let (found, again) = (sliced.withSlice(k) { Array($0) }, whole.withSlice(k) { Array($0) })
            #expect(found == wanted && again == wanted)
        }
        #expect(SlicedMask(labels, values: [9], in: SliceValues(labels)).isEmpty)
    }
}
