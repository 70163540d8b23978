import Foundation
import Testing

@Suite("contour-bench", .enabled(if: Program.areBuilt, "the programs are not built"))
struct BenchCommandTests {
    @Test(
        "prints one JSON object a line: times, memory, part of the limit, what others used, and whether the result is right"
    )
    func row() throws {
        let outcome = try Program.contourBench("resample-nearest", "--json", "--repetitions", "1", "--threads", "1")
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.split(separator: "\n").count == 1)
        let row = try #require(outcome.json() as? [String: Any])
        #expect(row["name"] as? String == "resample-nearest")
        #expect(row["threads"] as? Int == 1)
        #expect(row["is_right"] as? Bool == true)
        let times = ["min_s", "median_s", "max_s"].compactMap { row[$0] as? Double }
        #expect(times.count == 3 && times == times.sorted() && times[0] > 0)
        for key in ["peak_rss_mb", "gb_per_s", "percent_of_limit"] {
            let value = try #require(row[key] as? Double, "\(key)")
            #expect(value > 0, "\(key)")
        }
        let (error, allowed) = (row["error"] as? Double, row["allowed_error"] as? Double)
        #expect(try #require(error) <= #require(allowed))
        #expect((0...1).contains(try #require(row["others"] as? Double)))
        #expect(row["reference"] is String && row["limit"] as? String == "memory")
    }

    @Test("with --times-only it neither compares nor measures limits")
    func timesOnly() throws {
        let outcome = try Program.contourBench("resample-nearest", "--json", "--repetitions", "1", "--times-only")
        let row = try #require(outcome.json() as? [String: Any])
        #expect(row["median_s"] is Double)
        #expect(row["is_right"] == nil && row["percent_of_limit"] == nil)
    }

    @Test("lists its rows, which are the names it takes, and refuses others with status 64")
    func names() throws {
        let list = try Program.contourBench("--list")
        #expect(list.status == 0)
        let rows = list.output.split(separator: "\n").map(String.init)
        #expect(rows.count == 13 && rows.contains("unet2d-16x256") && rows.contains("whole-job"))
        let refused = try Program.contourBench("unet2d")
        #expect(refused.status == 64)
        #expect(refused.errors.contains("there is no benchmark unet2d") && refused.errors.contains(rows[0]))
        #expect(try Program.contourBench("edt", "--threads", "0").status == 64)
    }

    @Test("scores compares the shipped model on a CT with plain loops, and wants the CT's folder")
    func scores() throws {
        let place = try TemporaryFolder()
        let outcome = try Program.contourBench(
            "scores",
            "--ct",
            try place.phantom() + "/ct",
            "--repetitions",
            "1",
            "--json"
        )
        #expect(outcome.status == 0, "\(outcome.errors)")
        let row = try #require(outcome.json() as? [String: Any])
        #expect(row["is_right"] as? Bool == true)
        let words = try #require(row["reference"] as? String)
        #expect(words.contains("; 0 of ") && !words.contains("of 0 pixels"), "\(words)")
        for arguments in [["scores"], ["edt", "--ct", place.path]] {
            let refused = try Program.contourBench(arguments)
            #expect(refused.status == 64 && refused.errors.contains("scores and --ct go together"))
        }
    }
}
