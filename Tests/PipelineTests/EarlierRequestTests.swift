import Foundation
import Pipeline
import Testing

@Suite("Requests of an earlier version")
struct EarlierRequestTests {
    private func fields(_ options: ExportOptions) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: JSONEncoder().encode(options)) as? [String: Any])
    }

    @Test("an option of export that it did not know has its default, the others are as it wrote them")
    func options() throws {
        var written = ExportOptions()
        (written.holes, written.writesSegmentation, written.writesNifti) = (.closedPlanarXOR, false, false)
        (written.writesPictures, written.minimumRoundTripDice, written.tolerancesMM) = (false, 0.5, [7])
        let (all, defaults) = (try fields(written), try fields(ExportOptions()))
        for key in all.keys {
            let fewer = try JSONSerialization.data(withJSONObject: all.filter { $0.key != key })
            let read = try fields(JSONDecoder().decode(ExportOptions.self, from: fewer))
            var wanted = all
            wanted[key] = defaults[key]
            #expect(NSDictionary(dictionary: read) == NSDictionary(dictionary: wanted), "\(key)")
            #expect(NSDictionary(dictionary: read) != NSDictionary(dictionary: all), "\(key) is read")
        }
    }
}
