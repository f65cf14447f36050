module github.com/osm-egress/probe

go 1.26.0
