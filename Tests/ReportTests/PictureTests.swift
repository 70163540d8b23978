import Foundation
import Imaging
import Report
import Testing

@Suite("Pictures")
struct PictureTests {
    static let signs = (0..<8).map { n in
        Vector3(n & 1 == 0 ? 1 : -1, n & 2 == 0 ? 1 : -1, n & 4 == 0 ? 1 : -1)
    }

    @Test("a PNG holds the pixels that were put in")
    func png() throws {
        var image = RGBImage(width: 7, height: 5)
        for y in 0..<5 { for x in 0..<7 { image[x, y] = (UInt8(x * 36), UInt8(y * 50), UInt8((x * y) % 256)) } }
        let decoded = try #require(DecodedPNG(try image.png()))
        #expect(decoded.width == 7 && decoded.height == 5)
        for y in 0..<5 {
            for x in 0..<7 { #expect(decoded[x, y] == [UInt8(x * 36), UInt8(y * 50), UInt8((x * y) % 256)]) }
        }
    }

    /// Soft tissue with a bone in the patient's left, front, upper corner.
    private func marked(_ geometry: VolumeGeometry) -> Volume<Int16> {
        filled(geometry) { p in p.x > 15 && p.y < -12 && p.z > 10 ? 400 : p.x * p.x + p.y * p.y < 900 ? -500 : -1000 }
    }

    @Test("the patient's left is on the right, front and head are up, whatever the signs of the axes", arguments: signs)
    func orientation(_ signs: Vector3) throws {
        let geometry = axialGrid(signs: signs)
        // The planes are cut through the middle of the structure: the bone itself.
        let ct = marked(geometry)
        let labels = Volume<UInt8>(geometry: geometry, voxels: ct.voxels.map { $0 == 400 ? 1 : 0 })
        let structure = OutlinedStructure(name: "Bone", color: [230, 159, 0], labels: [1])
        let pictures = try casePictures(ct: ct, labels: labels, structures: [structure], reference: nil, threads: 2)
        for (role, right, up) in [
            (CasePicture.Role.axial, true, true), (.coronal, true, true), (.sagittal, false, true),
        ] {
            let picture = try #require(pictures.first { $0.role == role })
            let decoded = try #require(DecodedPNG(picture.png))
            let bone = try #require(decoded.middle { $0[0] == $0[1] && $0[0] > 250 }, "\(role)")
            // In sagittal pictures the front is on the left.
            #expect((bone.x > 0.6) == right && (bone.x < 0.4) == !right, "\(role) \(bone)")
            #expect((bone.y < 0.4) == up, "\(role) \(bone)")
            let outline = try #require(decoded.middle { $0 == [230, 159, 0] }, "\(role): no outline")
            #expect(abs(outline.x - bone.x) < 0.05 && abs(outline.y - bone.y) < 0.05, "\(role)")
        }
    }

    @Test("pixels are square in millimetres: a ball is round in every plane")
    func square() throws {
        let geometry = axialGrid(signs: Vector3(1, -1, 1))
        let ct = filled(geometry) { p -> Int16 in p.x * p.x + p.y * p.y + p.z * p.z < 400 ? 400 : -1000 }
        let labels = Volume<UInt8>(geometry: geometry, repeating: 0)
        for picture in try casePictures(ct: ct, labels: labels, structures: [], reference: nil, threads: 1).prefix(3) {
            let decoded = try #require(DecodedPNG(picture.png))
            let (left, right) = try #require(
                extent((0..<decoded.width).filter { decoded[$0, decoded.height / 2][0] > 128 })
            )
            let (top, bottom) = try #require(
                extent((0..<decoded.height).filter { decoded[decoded.width / 2, $0][0] > 128 })
            )
            let ratio = Double(right - left + 1) / Double(bottom - top + 1)
            #expect(abs(ratio - 1) < 0.08, "\(picture.role): \(ratio)")
        }
    }

    private func extent(_ places: [Int]) -> (Int, Int)? {
        places.first.flatMap { first in places.last.map { (first, $0) } }
    }

    @Test("a case has its planes, a strip and the ends of each structure, each with a caption")
    func plan() throws {
        let geometry = axialGrid(signs: Vector3(1, 1, 1))
        let labels = filled(geometry) { p -> UInt8 in
            abs(p.z) > 20 || abs(p.y) > 20 ? 0 : p.x > 10 ? 1 : p.x < -10 ? 2 : 0
        }
        let structures = [
            OutlinedStructure(name: "Lung_L", color: [86, 180, 233], labels: [1]),
            OutlinedStructure(name: "Lung_R", color: [0, 114, 178], labels: [2]),
        ]
        let pictures = try casePictures(
            ct: marked(geometry),
            labels: labels,
            structures: structures,
            reference: labels,
            threads: 3
        )
        #expect(pictures.map(\.role) == [.axial, .coronal, .sagittal, .strip, .structureEnds, .structureEnds])
        #expect(pictures.allSatisfy { !$0.caption.isEmpty && DecodedPNG($0.png) != nil })
        #expect(pictures[4].caption.hasPrefix("Lung_L: first slice 4 and last slice 17"))
    }

    @Test("a reference is a white dashed line under ours, and nothing is drawn where nothing was found")
    func reference() throws {
        let geometry = axialGrid(signs: Vector3(1, 1, 1))
        let ct = Volume<Int16>(geometry: geometry, repeating: -1000)
        let labels = filled(geometry) { p -> UInt8 in max(abs(p.x), abs(p.y)) < 14 ? 1 : 0 }
        let theirs = filled(geometry) { p -> UInt8 in max(abs(p.x), abs(p.y)) < 25 ? 1 : 0 }
        let structures = [OutlinedStructure(name: "S", color: [200, 0, 0], labels: [1])]
        func axial(_ labels: Volume<UInt8>, _ reference: Volume<UInt8>?) throws -> DecodedPNG? {
            DecodedPNG(
                try casePictures(ct: ct, labels: labels, structures: structures, reference: reference, threads: 1)[0]
                    .png
            )
        }
        let both = try #require(try axial(labels, theirs))
        #expect(both.middle { $0 == [200, 0, 0] } != nil && both.middle { $0 == [255, 255, 255] } != nil)
        let same = try #require(try axial(labels, labels))
        #expect(same.middle { $0 == [255, 255, 255] } == nil)
        let nothing = try #require(try axial(Volume(geometry: geometry, repeating: 0), nil))
        #expect(nothing.middle { $0[0] != $0[1] || $0[1] != $0[2] } == nil)
    }

    @Test("the slice that differs most from the reference is drawn, and named by what differs", arguments: signs)
    func worstSlice(_ signs: Vector3) throws {
        let geometry = axialGrid(signs: signs)
        let labels = filled(geometry) { p -> UInt8 in
            abs(p.z) > 20 || abs(p.y) > 20 ? 0 : p.x > 10 ? 1 : p.x < -10 ? 2 : 0
        }
        // One row is wrong in the first slice of a structure, four rows of the other one in a slice further on.
        var theirs = labels
        let d = geometry.dimensions
        let used = (0..<d.k).filter { k in
            (0..<d.j).contains { j in (0..<d.i).contains { labels[$0, j, k] == 2 } }
        }
        let (first, worst) = (used[0], used[used.count / 2])
        let rows = (0..<d.j).filter { j in (0..<d.i).contains { labels[$0, j, worst] == 2 } }
        var voxels = 0
        for i in 0..<d.i {
            if labels[i, rows[0], first] == 1 { theirs[i, rows[0], first] = 0 }
            for j in rows.prefix(4) where labels[i, j, worst] == 2 {
                theirs[i, j, worst] = 0
                voxels += 1
            }
        }
        let structures = [
            OutlinedStructure(name: "Lung_L", color: [86, 180, 233], labels: [1]),
            OutlinedStructure(name: "Lung_R", color: [0, 114, 178], labels: [2]),
            OutlinedStructure(name: "Heart", color: [1, 2, 3], labels: [3]),
        ]
        let pictures = try casePictures(
            ct: marked(geometry),
            labels: labels,
            structures: structures,
            reference: theirs,
            threads: 1
        )
        let picture = try #require(pictures.first { $0.role == .worstSlice })
        let area = Double(voxels) * geometry.spacing.x * geometry.spacing.y / 100
        #expect(picture.caption.contains("axial slice \(worst + 1) "), "\(picture.caption)")
        #expect(picture.caption.contains("\((area * 10).rounded() / 10) cm\u{00B2} of Lung_R"), "\(picture.caption)")
        #expect(DecodedPNG(picture.png)?.middle { $0 == [255, 255, 255] } != nil, "the reference is not drawn")
    }

    @Test("thin and tiny volumes have pictures too")
    func thin() throws {
        for (i, j, k) in [(1, 1, 1), (64, 64, 1), (1, 64, 3), (3, 2, 200)] {
            let geometry = axialGrid(signs: Vector3(1, 1, 1), i, j, k)
            let pictures = try casePictures(
                ct: Volume(geometry: geometry, repeating: 0),
                labels: Volume(geometry: geometry, repeating: 1),
                structures: [OutlinedStructure(name: "S", color: [0, 0, 255], labels: [1])],
                reference: nil,
                threads: 2
            )
            #expect(pictures.count == 5 && pictures.allSatisfy { DecodedPNG($0.png) != nil })
        }
    }
}
